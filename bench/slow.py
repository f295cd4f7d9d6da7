"""Slow clients beside a shop's tills (B10 of the goals): two thousand that dribble a header, dribble a body, hardly read, and all of it.

`python -m bench.slow` starts the server as its operator would, bare and behind the shipped site file of nginx, and sells on at a modest
pace: quiet, under one kind of slow client, quiet again, and so on. A kind's p99 is compared with that of the quiet stretches before and
after it. bench/slow_clients.py is the other side.
"""
import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import sales_server, wallets
from bench.lines import Line, printed
from bench.slow_clients import BODY, HEADER, LIMIT_SECONDS, READ, SLACK_SECONDS, End, Plan, allow_files, longest_seconds
from bench.till import ENVIRON, Run, Shop, at, shop_key, wrong
from tests.guard.proxies import find_program, running_proxy, trusting

CONNECTIONS, PER_SECOND = 2_000, 30.0
WARM_SECONDS, QUIET_SECONDS = 5.0, 12.0
RATIO_BAR, MEMORY_BAR_MB = 2.0, 512.0           # the memory that a small machine gives a web process
STAGES = {"a header": [HEADER], "a body": [BODY], "reading": [READ], "all three": [HEADER, BODY, READ]}


@dataclass
class Stage:
    """One kind of slow client: the sales meanwhile, how the connections ended, the server's memory at most."""

    kinds: list[str]
    run: Run
    ends: list[End]
    memory_mb: float


@dataclass
class Seen:
    """quiet: before the first stage, between two, and after the last."""

    quiet: list[Run]
    stages: list[Stage]
    before_mb: float
    after_mb: float


def main(arguments: list[str] | None = None) -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    parser = argparse.ArgumentParser(prog="python -m bench.slow")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    given = parser.parse_args(arguments or [])
    # nginx has two for each: one of the client, one to the server.
    allow_files(3 * given.connections)
    with tempfile.TemporaryDirectory() as folder:
        return printed(_lines(Path(folder), given.connections))


def _lines(folder: Path, connections: int) -> Iterator[Line]:
    environ = {**ENVIRON, "TESSERA_DATA": str(folder / "data")}
    stand = asyncio.run(sales_server.prepare(environ, 10_000))
    key = asyncio.run(shop_key(stand))
    with sales_server.started(environ, "web") as (process, port):
        bare = Shop(port, key, len(stand.cards))
        yield from _told("bare", asyncio.run(_day(process.pid, bare, connections, None)))
    if not find_program("nginx"):
        yield ("B10 behind nginx", "not measured here: nginx is missing (make test fetches it)", "", True)
        return
    with (sales_server.started({**environ, "TESSERA_PROXIES": "127.0.0.1"}, "web") as (process, behind),
          running_proxy("nginx", folder, behind, header_wait="10s", connections=3 * connections) as port):
        shop = Shop(port, key, len(stand.cards), trusting(folder))
        shop.sold = bare.sold           # no receipt twice
        yield from _told("nginx", asyncio.run(_day(process.pid, shop, connections, folder)))


async def _day(pid: int, shop: Shop, connections: int, folder: Path | None) -> Seen:
    await shop.sell(PER_SECOND, WARM_SECONDS)
    quiet, stages, before_mb = [await shop.sell(PER_SECOND, QUIET_SECONDS)], [], wallets.resident_mb(pid)
    for kinds in STAGES.values():
        plan = Plan(shop.port, connections, kinds, str(folder) if folder else None)
        stages.append(await _stage(pid, shop, plan))
        quiet.append(await shop.sell(PER_SECOND, QUIET_SECONDS))
    return Seen(quiet, stages, before_mb, wallets.resident_mb(pid))


async def _stage(pid: int, shop: Shop, plan: Plan) -> Stage:
    watching = asyncio.create_task(_most_memory(pid))
    slow = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.slow_clients", stdin=PIPE, stdout=PIPE)
    ends = asyncio.create_task(slow.communicate(json.dumps(asdict(plan)).encode()))
    run = await shop.sell(PER_SECOND, longest_seconds(plan.kinds))
    told, _ = await ends
    watching.cancel()
    return Stage(plan.kinds, run, [End(**each) for each in json.loads(told)], await watching)


async def _most_memory(pid: int) -> float:
    most = 0.0
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            most = max(most, wallets.resident_mb(pid))
            await asyncio.sleep(0.5)
    return most


def _told(front: str, seen: Seen) -> Iterator[Line]:
    for number, (name, stage) in enumerate(zip(STAGES, seen.stages, strict=True)):
        quiet, took = _took(*seen.quiet[number:number + 2]), _took(stage.run)
        calm, p99 = at(quiet, 0.99), at(took, 0.99)
        yield (f"B10 {front}: till beside {name}", f"{p99 / calm:.2f} x quiet (p99 {calm:.1f} -> {p99:.1f} ms, {len(took)} sales)",
               f"<= {RATIO_BAR:g} x", p99 <= RATIO_BAR * calm)
        yield from _ended(front, name, stage)
    failed = sum(wrong(run) + len(run.calls.get(503, ())) for run in (*seen.quiet, *(stage.run for stage in seen.stages)))
    yield (f"B10 {front}: calls of the till that failed", str(failed), "0", not failed)
    most = max(stage.memory_mb for stage in seen.stages)
    each = ", ".join(f"{stage.memory_mb:.0f}" for stage in seen.stages)
    yield (f"B10 {front}: memory of the server at most", f"{most:.0f} MB (before {seen.before_mb:.0f}; {each}; after {seen.after_mb:.0f})",
           f"<= {MEMORY_BAR_MB:.0f} MB", most <= MEMORY_BAR_MB)


def _took(*runs: Run) -> list[float]:
    return [each for run in runs for _, each in run.sold]


def _ended(front: str, name: str, stage: Stage) -> Iterator[Line]:
    for kind in stage.kinds:
        ends = [end.seconds for end in stage.ends if end.kind == kind]
        closed = [seconds for seconds in ends if seconds is not None]
        early = sum(seconds < LIMIT_SECONDS[kind] / 2 for seconds in closed)
        limit = LIMIT_SECONDS[kind] + SLACK_SECONDS
        late = len(ends) - sum(seconds <= limit + 0.01 for seconds in closed)
        yield (f"B10 {front}: {name}: {kind}, not closed after {limit:g} s",
               f"{late} of {len(ends)} ({early} turned away; half by {at(closed, 0.5):.1f} s, last {max(closed, default=0.0):.1f} s)",
               "0", not late)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
