"""The archive of a pass: a ZIP whose images and strings are hashed, packed and laid out once per design version.

Nothing is deflated: PNGs are already, and deflating the little rest costs more than the signature's overhead. The static members
come first, so their offsets never change; times are fixed, so the same card gives the same bytes (but for the signing time).
ZIP: PKWARE APPNOTE 4.3 and 4.4. Manifest: Apple, "Building a Pass"; SHA-1 is fixed by the format.
"""
import hashlib
import re
import struct
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

PASS, MANIFEST, SIGNATURE = "pass.json", "manifest.json", "signature"
NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9@._-]*/)?[A-Za-z0-9][A-Za-z0-9@._-]*")
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
FIXED = struct.pack("<HHHHH", 20, 0x800, 0, 0, 1 << 5 | 1)     # needs 2.0, names in UTF-8, stored, 1 January 1980


class Signer(Protocol):
    """What a bundle asks of the certificate's owner."""

    def sign(self, manifest: bytes, now: datetime) -> bytes: ...


class Bundle:
    """The images and strings of one design version, ready to be joined with a card's pass.json."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """files: path inside the archive → content; at most one folder deep (`en.lproj/pass.strings`)."""
        assert not {PASS, MANIFEST, SIGNATURE} & files.keys() and all(NAME.fullmatch(name) for name in files)
        local, central, hashes = [], [], []
        at, self._places = 0, {}
        for name in sorted(files):
            head, entry = _member(name.encode(), files[name], at)
            local += [head, files[name]]
            central.append(entry)
            sha1 = hashlib.sha1(files[name], usedforsecurity=False).hexdigest()
            hashes.append(f',"{name}":"{sha1}"')
            self._places[sha1] = slice(at + len(head), at + len(head) + len(files[name]))
            at += len(head) + len(files[name])
        self.static_bytes = sum(map(len, files.values()))
        self._local, self._central, self._count = b"".join(local), b"".join(central), len(files) + 3
        self._manifest_tail = '"' + "".join(hashes) + "}"
        self.digest = hashlib.sha256(self._manifest_tail.encode()).digest()

    def files(self) -> dict[str, bytes]:
        """The design's files by the hash that the manifest gives them."""
        return {sha1: self._local[place] for sha1, place in self._places.items()}

    def build(self, pass_json: bytes, signer: Signer, now: datetime) -> bytes:
        """The .pkpass: `pass_json` with everything of the design, signed at `now`."""
        manifest = self.manifest(pass_json)
        return self.archive(pass_json, manifest, signer.sign(manifest, now))

    def manifest(self, pass_json: bytes) -> bytes:
        """manifest.json: the lower-case hex SHA-1 of every other file but the signature."""
        return f'{{"pass.json":"{hashlib.sha1(pass_json, usedforsecurity=False).hexdigest()}{self._manifest_tail}'.encode()

    def archive(self, pass_json: bytes, manifest: bytes, signature: bytes) -> bytes:
        """The ZIP of the design's files and these three."""
        at = len(self._local)
        head_1, entry_1 = _member(b"pass.json", pass_json, at)
        at += len(head_1) + len(pass_json)
        head_2, entry_2 = _member(b"manifest.json", manifest, at)
        at += len(head_2) + len(manifest)
        head_3, entry_3 = _member(b"signature", signature, at)
        at += len(head_3) + len(signature)
        central = b"".join((self._central, entry_1, entry_2, entry_3))
        end = END + struct.pack("<HHHHIIH", 0, 0, self._count, self._count, len(central), at, 0)
        return b"".join((self._local, head_1, pass_json, head_2, manifest, head_3, signature, central, end))


def _member(name: bytes, content: bytes, offset: int) -> tuple[bytes, bytes]:
    """The local header of a stored member that starts at `offset`, and its entry in the central directory."""
    common = FIXED + struct.pack("<IIIHH", zlib.crc32(content), len(content), len(content), len(name), 0)
    return LOCAL + common + name, CENTRAL + b"\x14\x00" + common + struct.pack("<HHHII", 0, 0, 0, 0, offset) + name
