"""The front door, and a server that waits for its first business."""
from datetime import UTC, datetime

import httpx2
import pytest

from app.console import founding
from app.context import Context
from app.db import write_transaction

WAITS = "waits for its first business"


@pytest.mark.parametrize("path", ["/", "/till", "/till/sign-in", "/console", "/e/coffee"])
async def test_an_empty_server_says_at_every_door_how_to_begin(client: httpx2.AsyncClient, path: str) -> None:
    page = await client.get(path, headers={"Accept-Language": "en"})
    assert WAITS in page.text
    assert "python -m app owner" in page.text


@pytest.mark.parametrize("path", ["/health", "/ready", "/api/v1/me", "/console/link/unknown"])
async def test_machines_and_the_owners_link_are_answered_as_ever(client: httpx2.AsyncClient, path: str) -> None:
    assert WAITS not in (await client.get(path)).text


async def test_the_first_business_opens_the_doors_at_once(client: httpx2.AsyncClient, here: Context) -> None:
    assert WAITS in (await client.get("/till/sign-in", headers={"Accept-Language": "en"})).text
    wish = founding.Wish("tea", "Tea", "RU", "RUB", "Europe/Moscow", "ru")
    await write_transaction(here.db, lambda tx: founding.found(tx, wish, datetime(2026, 11, 22, tzinfo=UTC)))
    assert WAITS not in (await client.get("/till/sign-in", headers={"Accept-Language": "en"})).text
    front = await client.get("/")
    assert (front.status_code, front.headers["location"]) == (303, "/console")
