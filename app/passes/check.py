"""Looks at a finished .pkpass as strictly as a phone does, and says in a sentence what a phone would refuse in silence.

Shares no code with what builds passes but the DER reader: the simulated phone, `doctor` and the tests use it as the other side.
Apple, "Building a Pass" and "Distributing and updating a pass"; stricter where this project promises more.
"""
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.passes import check_card, check_signature
from app.passes.check_files import check_images, read_strings
from app.passes.check_rules import BadPass, need

__all__ = ["BadPass", "PassContents", "check_pkpass"]

MAX_BYTES, MAX_MEMBERS = 5_000_000, 100
NAME = re.compile(r"([A-Za-z]{2,3}(-[A-Za-z]{2,8})?\.lproj/)?[A-Za-z0-9@._-]+")
PLACES = ("headerFields", "primaryFields", "secondaryFields", "auxiliaryFields", "backFields")


@dataclass(frozen=True)
class PassContents:
    """What a checked pass says: pass.json, the files, the words per language, and when it was signed."""

    card: Mapping[str, Any]
    files: Mapping[str, bytes]
    strings: Mapping[str, Mapping[str, str]]
    signed_at: datetime
    style: str

    @property
    def pass_type_identifier(self) -> str:
        return str(self.card["passTypeIdentifier"])

    @property
    def team_identifier(self) -> str:
        return str(self.card["teamIdentifier"])

    @property
    def serial_number(self) -> str:
        return str(self.card["serialNumber"])

    @property
    def authentication_token(self) -> str | None:
        return self.card.get("authenticationToken")

    @property
    def web_service_url(self) -> str | None:
        return self.card.get("webServiceURL")

    @property
    def barcode(self) -> Mapping[str, str]:
        """The barcode that a phone shows: the first one."""
        return self.card["barcodes"][0]

    @property
    def is_voided(self) -> bool:
        return bool(self.card.get("voided", False))

    def fields(self, place: str) -> list[Mapping[str, Any]]:
        """The fields of `headerFields`, `primaryFields`, `secondaryFields`, `auxiliaryFields` or `backFields`."""
        return list(self.card[self.style].get(place, []))

    def field(self, key: str) -> Mapping[str, Any] | None:
        """The field with this key, wherever it stands."""
        return next((field for place in PLACES for field in self.fields(place) if field["key"] == key), None)

    def text(self, words: Any, language: str) -> str:
        """`words` of pass.json as a phone set to `language` shows them."""
        return self.strings.get(language, {}).get(str(words), str(words))


def check_pkpass(data: bytes, *, root_pem: bytes | None, now: datetime | None = None, pass_type_identifier: str | None = None,
                 team_identifier: str | None = None, serial_number: str | None = None,
                 authentication_token: str | None = None) -> PassContents:
    """Check archive, hashes, signature, names, keys, limits, pictures and words of `data`, trusting `root_pem` alone.

    root_pem None: the chain that the pass brings is taken on trust.
    The identifiers, where given, must be those of the pass; `now`, where given, must not lie before the signing time.
    Raises BadPass with the first thing that is wrong.
    """
    files = _open(data)
    _check_manifest(files)
    signature = check_signature.check_signature(files["signature"], files["manifest.json"], root_pem)
    if now is not None:
        need(signature.signed_at <= now, f"The signing time {signature.signed_at.isoformat()} lies in the future; is a clock wrong?")
    card = _json(files["pass.json"], "pass.json")
    style = check_card.check_card(card)
    need(card["passTypeIdentifier"] == signature.uid,
         f"passTypeIdentifier is {card['passTypeIdentifier']}, but the certificate's UID is {signature.uid}.")
    need(card["teamIdentifier"] == signature.unit,
         f"teamIdentifier is {card['teamIdentifier']}, but the certificate's OU is {signature.unit}.")
    expected = {"passTypeIdentifier": pass_type_identifier, "teamIdentifier": team_identifier, "serialNumber": serial_number,
                "authenticationToken": authentication_token}
    for key, value in expected.items():
        # The values stay unsaid: one of them is a secret.
        need(value is None or card.get(key) == value, f"{key} is not the expected one: the new pass would not replace the old.")
    check_images(files)
    return PassContents(card, files, read_strings(files), signature.signed_at, style)


def _open(data: bytes) -> dict[str, bytes]:
    """The members of the archive. Raises BadPass unless it is a plain ZIP with files at its root and in .lproj folders."""
    need(len(data) <= MAX_BYTES, f"The archive has {len(data)} bytes; {MAX_BYTES} are allowed.")
    need(data[:4] == b"PK\x03\x04", "The file is not a ZIP archive.")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = archive.infolist()
        need(len(members) <= MAX_MEMBERS and sum(member.file_size for member in members) <= MAX_BYTES, "The archive unpacks to too much.")
        for member in members:
            need(not member.is_dir(), f"The archive has a folder entry, {member.filename}.")
            need(NAME.fullmatch(member.filename) is not None, f"{member.filename} does not lie at the root or in a language's folder.")
            need(member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED), f"{member.filename} is packed in a foreign way.")
        files = {member.filename: archive.read(member) for member in members}     # checks each CRC
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as problem:
        raise BadPass(f"The archive is damaged: {problem}") from None
    need(len(files) == len(members), "A file is in the archive twice.")
    for name in ("pass.json", "manifest.json", "signature"):
        need(name in files, f"{name} is missing.")
    return files


def _check_manifest(files: Mapping[str, bytes]) -> None:
    manifest = _json(files["manifest.json"], "manifest.json")
    need(isinstance(manifest, dict), "manifest.json is not an object.")
    listed = files.keys() - {"manifest.json", "signature"}
    for name in sorted(listed - manifest.keys()):
        raise BadPass(f"No entry in the manifest for {name}.")
    for name in sorted(manifest.keys() - listed):
        raise BadPass(f"The manifest lists {name}, which the archive does not have.")
    for name in sorted(listed):
        need(manifest[name] == hashlib.sha1(files[name], usedforsecurity=False).hexdigest(),
             f"The manifest's hash of {name} is not that of the file.")


def _json(content: bytes, name: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        need(len(set(keys)) == len(keys), f"{name} has a key twice in one object.")
        return dict(pairs)

    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=once, parse_constant=_no_constant)
    except (UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise BadPass(f"{name} is not JSON in UTF-8: {problem}") from None


def _no_constant(word: str) -> float:
    raise BadPass(f"{word} is not a number that JSON knows.")
