"""Takes the folder's files, one after another: each row once, whatever happens in between."""
import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from app.commands.dropping import rows, rules
from app.commands.dropping.disk import DONE, FAILED, Disk
from app.commands.dropping.rows import Shop
from app.commands.dropping.rules import File, Wrong
from app.commands.dropping.server import Away, KeyRefused
from app.commands.dropping.words import say

# The server knows an act by its key for thirty days: after that the same row would be another act.
AGAIN_SECONDS = 29 * 86_400.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
_PLAIN = File((), ";", "utf-8-sig")


class Connector:
    """settle: so many seconds a file must be as it is before it is taken; patience: how often a server that is away is asked again
    for one row, None for ever; say: where sentences for people go; sleep: for tests."""

    def __init__(self, disk: Disk, shop: Shop, *, settle: float = 2.0, patience: int | None = None, told: Callable[[str], object] = print,
                 sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._disk, self._shop, self._settle, self._patience, self._told, self._sleep = disk, shop, settle, patience, told, sleep
        self._seen: dict[str, tuple[tuple[int, int], float]] = {}

    async def look(self) -> int:
        """Take every file that has settled; returns how many were finished. Raises Away where patience ends: the file stays."""
        drops, finished = self._disk.drops(), 0
        self._seen = {name: seen for name, seen in self._seen.items() if name in drops}
        for name, state in drops.items():
            if self._has_settled(name, state):
                finished += await self._take(name)
        return finished

    def _has_settled(self, name: str, state: tuple[int, int]) -> bool:
        """By our own clock: the one that writes the file may stand in another room and go wrong."""
        known = self._seen.get(name)
        if known is None or known[0] != state:
            self._seen[name] = (state, time.monotonic())
            return not self._settle
        return time.monotonic() - known[1] >= self._settle

    async def _take(self, name: str) -> bool:
        try:
            data = self._disk.read(name)
        except (FileNotFoundError, PermissionError):
            return False            # gone again, or the till still holds it
        try:
            if self._disk.was_done(name, AGAIN_SECONDS):
                raise Wrong("same_name")
            file = rules.parse(data)
        except Wrong as wrong:
            self._refuse(name, wrong)
            return True
        results = await self._rows(name, file)
        bad = sum(result["status"] != rules.OK for result in results)
        self._disk.put_answer(name, rules.answer(file, results))
        # The journal goes first: a kill between the two only does every row again, and the server knows them all.
        self._disk.forget(name)
        self._disk.move(name, FAILED if bad else DONE)
        self._told(say("done", self._shop.language, name=name, good=len(results) - bad, bad=bad))
        return True

    def _refuse(self, name: str, wrong: Wrong) -> None:
        sentence = say(wrong.code, self._shop.language, what=wrong.what)
        result = {"row": 0, "status": rules.REFUSED, "code": wrong.code, "error": sentence}
        self._disk.put_answer(name, rules.answer(_PLAIN, [result]))
        self._disk.forget(name)
        # Of the same name as one that is done: both stay.
        self._disk.move(name, FAILED, replaces=wrong.code != "same_name")
        self._told(say("broken", self._shop.language, name=name, what=sentence))

    async def _rows(self, name: str, file: File) -> list[dict[str, Any]]:
        known = {told["digest"]: told["result"] for told in self._disk.journal(name) if "digest" in told and "result" in told}
        results = []
        for row in file.rows:
            digest = row.digest(name)
            if digest not in known:
                known[digest] = await self._patiently(lambda row=row: rows.do(self._shop, name, row, file.delimiter))  # type: ignore[misc]
                self._disk.note(name, {"digest": digest, "result": known[digest]})
            results.append(known[digest])
        return results

    async def _patiently(self, act: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """`act`, again and again while the server is away. Raises Away after the last try."""
        tries, said = 0, ""
        while True:
            try:
                result = await act()
            except Away as away:
                tries += 1
                if self._patience is not None and tries > self._patience:
                    raise
                words = say("key_refused" if isinstance(away, KeyRefused) else "away", self._shop.language, what=away)
                if words != said:
                    self._told(words)
                said = words
                await self._sleep(max(away.seconds, min(FIRST_PAUSE * 2 ** min(tries - 1, 10), LONGEST_PAUSE)))
            else:
                if said:
                    self._told(say("back", self._shop.language))
                return result
