"""The day: doors open, tills work side by side with shoppers of their own, the day is closed and reckoned."""
import asyncio
import random
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from app.commands.simulating import books, till
from app.commands.simulating.line import Line, Measured
from app.commands.simulating.till import Shopper, Till

NEEDED = ("cards:read", "cards:write", "sales:write")
# Numbers for shows and tests, as each country's authority or its usage has them; nobody answers there.
PHONES = {"RU": "+7916555", "KZ": "+7701555", "US": "+1202555", "GB": "+447700900", "DE": "+4915255"}
LENGTHS = {"RU": 12, "KZ": 12, "US": 12, "GB": 13, "DE": 14}


class CannotOpen(Exception):
    """The day cannot begin: a sentence for whoever started it."""


@dataclass
class Report:
    """What the day was like."""

    business: str
    acts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    measured: Measured = field(default_factory=Measured)


@dataclass(frozen=True)
class Plan:
    """tills: how many; seconds: how long they go on after the first round; seed: of the dice; run: what this day's receipts begin with;
    for_real: whether a business that is no sandbox may be played with."""

    tills: int = 3
    seconds: float = 0.0
    seed: int = 1
    run: str = field(default_factory=lambda: secrets.token_hex(3))
    for_real: bool = False


async def play(line: Line, plan: Plan) -> Report:
    """Raises CannotOpen where the key or the business is not fit for it, and Away where nobody answers."""
    me = await _opened(line, plan.for_real)
    programs = await _programs(line)
    report = Report(me["business"]["name"], measured=line.measured)
    tills = [Till(f"sim-{plan.run}-{number + 1}", line, _dice(f"{plan.seed}-{number}")) for number in range(plan.tills)]
    tills[0].note("wrong key", await _wrong_keys(line))
    # By the run and not by the seed: a second day of the same seed has other shoppers.
    numbers = _numbers(me["business"]["country"], _dice(plan.run))
    end = asyncio.get_running_loop().time() + plan.seconds
    await asyncio.gather(*[_work(each, programs, numbers, end) for each in tills])
    for each in tills:
        report.acts += each.done
        report.wrong += each.wrong
    report.wrong += [f"{count} answers were {status}" for status, count in line.measured.strange.items()]
    return report


def _dice(seed: str) -> random.Random:
    return random.Random(seed)      # noqa: S311 -- a day that can be played again, no secret


async def _opened(line: Line, for_real: bool) -> dict[str, Any]:
    answer = await line.get("/me")
    if answer.status != 200:
        raise CannotOpen(f"The server does not take the key ({answer.status} {answer.code}).")
    me: dict[str, Any] = answer.data
    missing = [scope for scope in NEEDED if scope not in me["scopes"] and "admin" not in me["scopes"]]
    if missing:
        raise CannotOpen(f"The key lacks scopes that a till needs: {', '.join(missing)}.")
    if not (me.get("sandbox") or for_real):
        raise CannotOpen(f"The key is of a real business, {me['business']['name']}: invented shoppers and sales would stand in its books. "
                         "Use a sandbox key (tsk_test_…), or say --for-real.")
    return me


async def _programs(line: Line) -> list[dict[str, Any]]:
    """Those that take new shoppers at this business's tills; a coalition's cards come from its own enrolment page."""
    found = [program for program in (await line.get("/programs")).data.get("items", ())
             if not program["closed_at"] and not program["closing"] and program["kind"] != "coalition"]
    if not found:
        raise CannotOpen("There is no programme that takes new shoppers.")
    return found


async def _wrong_keys(line: Line) -> list[str]:
    wrong = []
    for key in ("nonsense", "tsk_" + "0" * 40):
        answer = await line.ask("GET", "/programs", bearer=key)
        wrong += till.refused(f"a call with the key “{key[:8]}”", answer, 401, "unauthenticated")
    return wrong


def _numbers(country: str, dice: random.Random) -> "_Numbers":
    if country not in PHONES:
        raise CannotOpen(f"The simulator knows no invented phone numbers of {country}.")
    return _Numbers(PHONES[country], LENGTHS[country], dice)


@dataclass
class _Numbers:
    """Phone numbers that nobody has, each once."""

    begin: str
    length: int
    dice: random.Random
    given: set[str] = field(default_factory=set)

    def one(self) -> str:
        while True:
            left = self.length - len(self.begin)
            made = self.begin + f"{self.dice.randrange(10 ** left):0{left}}"
            if made not in self.given:
                self.given.add(made)
                return made


async def _work(each: Till, programs: list[dict[str, Any]], numbers: _Numbers, end: float) -> None:
    """A shopper of each programme, all acts once, then one after another as the dice fall until the time is up."""
    shoppers = [made for program in programs if (made := await _new(each, program, numbers))]
    for shopper in shoppers:
        await till.sale(each, shopper)          # so that there is something to redeem
        for act in till.ACTS:
            await act(each, shopper)
    while shoppers and asyncio.get_running_loop().time() < end:
        await each.dice.choice(till.ACTS)(each, each.dice.choice(shoppers))
    for shopper in shoppers:
        await till.close(each, shopper)


async def _new(each: Till, program: dict[str, Any], numbers: _Numbers) -> Shopper | None:
    """None where it cannot be, which is noted."""
    for _ in range(3):
        e164 = numbers.one()
        if not (await each.line.get("/cards", code=e164)).data.get("items"):
            return await till.enrol(each, program, e164)
    each.note("enrol", ["three invented phone numbers in a row are somebody's"])
    return None


def summary(report: Report) -> str:
    """What is printed in the end."""
    took = report.measured.took
    lines = [f"{report.business}: {len(took)} calls, p50 {books.share(took, 0.5):.0f} ms, p99 {books.share(took, 0.99):.0f} ms, "
             f"{report.measured.put_off} put off (429, 503)",
             "acts: " + ", ".join(f"{name} {count}" for name, count in sorted(report.acts.items()))]
    if report.wrong:
        lines += [f"{len(report.wrong)} differences:", *(f"  {sentence}" for sentence in report.wrong)]
    else:
        lines.append("no differences")
    return "\n".join(lines)
