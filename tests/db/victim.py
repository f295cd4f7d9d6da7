"""A process that writes until it is killed: `python -m tests.db.victim URL`; tells each kept entry on its output."""
import asyncio
import os
import sys

from app.db import open_database
from tests.db.ledger import add


async def main(url: str) -> None:
    async with open_database(url, checkpoint_pages=100) as db:
        async def till(number: int) -> None:
            for i in range(1_000_000):
                name = await add(db, f"{os.getpid()}-{number}-{i}", pad="x" * 300)
                os.write(1, f"{name}\n".encode())
        await asyncio.gather(*[till(number) for number in range(16)])

if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
