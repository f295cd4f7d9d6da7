"""Runs the decoder in a child process: whatever a picture does to its decoder, it does there."""
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from app.errors import Unavailable
from app.images import rules
from app.text import N_

DECODER = Path(__file__).with_name("decoder.py")
AT_ONCE = 2             # children: the others wait, so that uploads never take the server's processors
MOST_WAITING = 8        # of 2 MB each
SECONDS = 20.0          # on the clock, beside the child's own limit on its processor's time
MOST_ANSWER = 8 * 1024 * 1024

_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="decoder")
_waiting = 0


class Busy(Unavailable):
    """Too many pictures are being read at once."""

    code, detail = "busy", N_("Other pictures are being read just now. Send this one again in a moment.")


class Decoded(NamedTuple):
    """What the child made. digest: hex SHA-256 of the picture re-encoded; files: name → content."""

    digest: str
    files: Mapping[str, bytes]


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    """The first line of what the child writes; sizes: name → bytes, of the files that follow in this order."""

    digest: str
    sizes: dict[str, int]


async def decode(kind: str, data: bytes, ground: str) -> Decoded:
    """Every file of a `kind`, made from an upload that `rules.sniff` let through.

    ground: "#rrggbb" under what is light and transparent, where it may not stay transparent. Raises Invalid (the child could not
    read it within its limits) and Busy.
    """
    global _waiting
    if _waiting >= MOST_WAITING:
        raise Busy()
    _waiting += 1
    try:
        answer = await asyncio.get_running_loop().run_in_executor(_threads, _run, kind, data, ground)
    finally:
        _waiting -= 1
    if answer is None:
        raise rules.refused(kind, rules.BROKEN)
    return answer


def _run(kind: str, data: bytes, ground: str) -> Decoded | None:
    """The child's work; None where it failed, was stopped, or wrote something else than it should."""
    with tempfile.TemporaryFile() as out:
        # A file and not a pipe: the child's limit on file sizes is then a limit on what the server reads.
        try:
            done = subprocess.run([sys.executable, "-I", str(DECODER), kind, ground], input=data, stdout=out, stderr=subprocess.DEVNULL,
                                  env={}, timeout=SECONDS, check=False)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            return None
        return _read(kind, out) if done.returncode == 0 else None


def _read(kind: str, out: IO[bytes]) -> Decoded | None:
    out.seek(0)
    head, _, body = out.read(MOST_ANSWER).partition(b"\n")
    try:
        answer = msgspec.json.decode(head, type=_Answer)
    except msgspec.DecodeError:
        return None
    files, at = {}, 0
    for name, size in answer.sizes.items():
        files[name] = body[at:at + size]
        at += size
    whole = at == len(body) and tuple(files) == rules.NAMES[kind]  # type: ignore[index]
    return Decoded(answer.digest, files) if whole and len(answer.digest) == 64 else None
