"""Joining under load (L4 of the goals): activations and a poster's enrolments a second, and how many a till could ask for.

`python -m bench.joining` runs the server as its operator would, each phone with a network of its own (X-Forwarded-For of a proxy that
the server believes). TESSERA_NIGHTLY=1 takes the five minutes of the goal, else a minute is taken. Messages go to `console:`; what a
gateway takes is not measured.
"""
import asyncio
import json
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from app import secrets, start
from app.clock import to_ms
from app.context import Context
from app.db import open_database, write_transaction
from app.enrolment import service as enrolment
from app.enrolment import store as enrolments
from app.enrolment.rules import TOKEN_LETTERS
from app.ledger.verify import verify
from app.programs import service as programs
from app.settings import load
from app.staff import service as staff
from app.web.principal import Principal
from bench import sales_client, sales_server
from bench.lines import Line, printed
from bench.sales_server import BUSINESS, Stand

ACTIVATIONS, POSTERS = 20, 5            # a second
SECONDS = 300 if os.environ.get("TESSERA_NIGHTLY") else 60
P99_BAR_MS = 400.0
CONNECTIONS, RATE_SECONDS = 32, 5.0
# A business of the size that this load belongs to; what protects numbers and networks stays as it is.
ALLOWANCE = {"sms": {"business_day": 10**6, "location_hour": 10**6, "poster_hour": 10**6}}
ENVIRON = {"TESSERA_URL": "https://cards.example.com", "TESSERA_PROXIES": "127.0.0.1", "TESSERA_LOG": "error"}


def main() -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    with tempfile.TemporaryDirectory() as folder:
        return printed(_lines(Path(folder)))


def _lines(folder: Path) -> Iterator[Line]:
    environ = {**ENVIRON, "TESSERA_DATA": str(folder / "data")}
    stand = asyncio.run(sales_server.prepare(environ, 1_000))
    program, api_key, tokens = asyncio.run(_people(stand, ACTIVATIONS * SECONDS))
    with sales_server.running(environ, "web") as port:
        activated, asked = asyncio.run(_both(port, tokens))
        enrolled = asyncio.run(_rate(port, api_key, program))
        sold = sales_client.rate(port, stand.api_key, stand.public, RATE_SECONDS)
    for what, took in (("activation", activated), ("poster's enrolment", asked)):
        p99 = took[int(len(took) * 0.99)]
        yield (f"L4 {what}, {len(took) / SECONDS:.0f} a second", f"p50 {took[len(took) // 2]:.1f} ms, p99 {p99:.1f} ms ({len(took)})",
               f"p99 <= {P99_BAR_MS:.0f} ms", p99 <= P99_BAR_MS)
    yield (f"   enrolments by a till with a message queued, {CONNECTIONS} connections", f"{enrolled:.0f}/s, {enrolled / sold:.2f} of sales",
           "", True)
    yield from asyncio.run(_whole(stand))


async def _people(stand: Stand, count: int) -> tuple[str, str, list[str]]:
    """`count` people whom a till has enrolled, each with a link that is known here; (programme, a key that may enrol, the links)."""
    settings = load(stand.environ)
    async with start.opened(settings) as here:
        now = datetime.now(UTC)
        await here.db.execute("UPDATE businesses SET settings = :settings WHERE id = :id",
                              {"id": BUSINESS, "settings": json.dumps(ALLOWANCE)})
        program = (await programs.list_programs(here.db, BUSINESS))[0]
        manager = Principal(BUSINESS, BUSINESS, "staff", None, "Olga", "owner")
        _, key = await staff.create_key(here.db, here.ring, manager, "shop", frozenset({"cards:write"}), None, now, per_second=0)
        tokens: list[str] = []
        for e164 in _numbers(count):
            wish = enrolment.Wish(program.id, e164, "api", "en")
            told = await enrolment.start(here.db, here.ring, settings, stand.who, wish, now)
            assert told.id is not None and told.expires_at is not None
            tokens.append(await _link(here, told.id, now, to_ms(told.expires_at)))
        return here.ids.encode("program", program.id), key, tokens


async def _link(here: Context, enrolment_id: int, now: datetime, ends: int) -> str:
    token = secrets.new_token(TOKEN_LETTERS)
    await write_transaction(here.db, lambda tx: enrolments.append_link(
        tx, BUSINESS, enrolment_id, enrolment.token_hash(here.ring, token), to_ms(now), ends))
    return token


def _numbers(count: int) -> list[str]:
    """Mobile numbers that are as far apart as a town's: no block of ten thousand sees many."""
    return [f"+79{number:09}" for number in random.sample(range(100_000_000, 299_999_999), count)]


async def _both(port: int, tokens: Sequence[str]) -> tuple[list[float], list[float]]:
    """Milliseconds of each activation and of each enrolment from the poster, both sorted."""
    forms = [(f"/a/{token}", {"terms": "1", "name": "Anna"}) for token in tokens]
    numbers = [("/e/bench/points?from=door", {"phone": number}) for number in _numbers(POSTERS * SECONDS)]
    return await asyncio.gather(_paced(port, forms, ACTIVATIONS, 303), _paced(port, numbers, POSTERS, 200))


async def _paced(port: int, forms: Sequence[tuple[str, dict[str, str]]], a_second: float, wanted: int) -> list[float]:
    """Open model: each form is sent when it is due, on a connection of its own, as phones do."""
    took: list[float] = []
    begin = time.perf_counter() + 0.2

    async def send(number: int, path: str, fields: dict[str, str]) -> None:
        due = begin + number / a_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        status, _ = await _post(port, path, urlencode(fields).encode(), "application/x-www-form-urlencoded", number)
        assert status == wanted, f"{path}: {status}"
        took.append((time.perf_counter() - due) * 1000)

    await asyncio.gather(*[send(number, path, fields) for number, (path, fields) in enumerate(forms)])
    return sorted(took)


async def _post(port: int, path: str, body: bytes, kind: str, number: int) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    writer.write(f"POST {path} HTTP/1.1\r\nHost: cards.example.com\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                 f"X-Forwarded-For: {address}\r\nX-Forwarded-Proto: https\r\nSec-Fetch-Site: same-origin\r\n"
                 f"Connection: close\r\n\r\n".encode() + body)
    answer = await reader.read()
    writer.close()
    return int(answer[9:12]), answer


async def _rate(port: int, api_key: str, program: str) -> float:
    """Enrolments a second that the API takes from CONNECTIONS callers at once."""
    numbers, done, begun = iter(_numbers(100_000)), 0, time.perf_counter()

    async def caller() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - begun < RATE_SECONDS:
            body = json.dumps({"program": program, "phone": next(numbers)}).encode()
            writer.write(b"POST /api/v1/enrolments HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                         b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s" % (api_key.encode(), len(body), body))
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            assert head.startswith(b"HTTP/1.1 202") and length, head
            await reader.readexactly(int(length[1]))
            done += 1
        writer.close()

    await asyncio.gather(*[caller() for _ in range(CONNECTIONS)])
    return done / (time.perf_counter() - begun)


async def _whole(stand: Stand) -> list[Line]:
    """No number with two cards, and a ledger that adds up."""
    async with open_database(f"sqlite:///{stand.file}", report_seconds=600.0) as db:
        twice = await db.fetch_val(
            "SELECT COUNT(*) FROM (SELECT a.customer_id FROM cards c JOIN accounts a ON a.id = c.account_id "
            "WHERE a.customer_id IS NOT NULL AND c.status IN ('active', 'provisional') "
            "GROUP BY a.customer_id, c.program_id HAVING COUNT(*) > 1) AS doubled")
        activated = await db.fetch_val("SELECT COUNT(*) FROM enrolments WHERE status = 'activated'")
        waiting = await db.fetch_val("SELECT COUNT(*) FROM enrolments WHERE source = 'poster' AND status = 'pending'")
        findings = await verify(db, datetime.now(UTC))
    done = (activated, waiting) == (ACTIVATIONS * SECONDS, POSTERS * SECONDS)
    return [("L4 numbers with two cards; findings of verify", f"{twice}; {len(findings)}", "0; 0", not (twice or findings)),
            ("   cards activated; people from the poster who wait", f"{activated}; {waiting}", "all", done)]


if __name__ == "__main__":
    sys.exit(main())
