"""A process that sells until it is killed: `python -m tests.flows.till_process URL JOURNAL BUSINESS CARD…`.

Before each sale it writes "try KEY", after the answer "ack KEY OPERATION", each at once, so that whoever kills it knows what
it was told.
"""
import asyncio
import os
import sys

from app.db import Database, open_database
from app.idempotency.rules import Key
from app.sales import service
from app.sales.service import SaleRequest
from app.web.principal import Principal
from tests.money import NOON

WRITERS = 8


def request_of(key: str, cards: list[int]) -> SaleRequest:
    """The sale that belongs to a key, the same in whichever process repeats it."""
    number = int(key.rsplit("-", 1)[1])
    return SaleRequest(cards[number % len(cards)], 10_000 + number, None if number % 2 else 0, receipt=key)


async def sell(db: Database, business: int, cards: list[int], key: str) -> service.Outcome:
    who = Principal(business, business, "api_key", id=1, name="till")
    return await service.sell(db, who, request_of(key, cards), Key(key, b"f" * 32), NOON)


async def till(db: Database, journal: int, name: str, business: int, cards: list[int]) -> None:
    number = 0
    while True:
        number += 1
        key = f"{name}-{number}"
        os.write(journal, f"try {key}\n".encode())
        outcome = await sell(db, business, cards, key)
        os.write(journal, f"ack {key} {outcome.operation.id}\n".encode())


async def main() -> None:
    url, path, business, *cards = sys.argv[1:]
    journal = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with open_database(url) as db:
        await asyncio.gather(*[till(db, journal, f"{os.getpid()}-{number}", int(business), [int(card) for card in cards])
                               for number in range(WRITERS)])


if __name__ == "__main__":
    asyncio.run(main())
