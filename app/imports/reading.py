"""Runs the reader in a child process, and gives its blocks one after another."""
import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any

import msgspec

from app.errors import FieldError, Invalid, Unavailable
from app.imports import words
from app.text import N_

READER = Path(__file__).with_name("reader.py")
AT_ONCE = 2
SECONDS = 300.0
LINE_MOST = 8 * 1024 * 1024         # 200 rows of 200 cells, or a block of 128 kB and its last row, with every letter escaped

_reading = 0


class Busy(Unavailable):
    code, detail = "busy", N_("Other lists are being read just now. Send this one again in a moment.")


def refused(code: str) -> Invalid:
    return Invalid(fields=[FieldError("file", code, words.FILES[code])])


async def lines(source: IO[bytes]) -> AsyncIterator[Any]:
    """What the reader says about a file: its head, its blocks, how many rows there were. source: a file on disk, at its beginning.

    Raises Invalid (field `file`) once the reader refuses it or ends without a word, and Busy.
    """
    global _reading
    if _reading >= AT_ONCE:
        raise Busy()
    _reading += 1
    child = None
    try:
        child = await asyncio.create_subprocess_exec(sys.executable, "-I", str(READER), stdin=source, stdout=asyncio.subprocess.PIPE,
                                                     stderr=asyncio.subprocess.DEVNULL, env={}, limit=LINE_MOST)
        assert child.stdout is not None
        is_whole = False
        async with asyncio.timeout(SECONDS):
            async for line in child.stdout:
                said = msgspec.json.decode(line)
                if isinstance(said, dict) and "refused" in said:
                    raise refused(said["refused"])
                is_whole = isinstance(said, dict) and "rows" in said
                yield said
        if not is_whole:
            raise refused("broken")
    except (TimeoutError, ValueError) as exc:
        raise refused("broken") from exc
    finally:
        _reading -= 1
        if child is not None:
            if child.returncode is None:
                child.kill()
            await child.wait()
