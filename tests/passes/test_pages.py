"""The pass as a browser downloads it."""
import httpx2
import pytest
from starlette.applications import Starlette

from app.cards import service as cards
from app.db import write_transaction
from app.errors import TesseraError
from app.passes import pages
from app.passes.check import check_pkpass
from app.web import problems


@pytest.fixture
async def browser(pocket):
    app = Starlette(routes=pages.routes, exception_handlers={TesseraError: problems.on_failure})
    app.state.context = pocket.here
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="https://cards.example.com") as made:
        yield made


async def link(pocket, strength="card"):
    token = await write_transaction(
        pocket.here.db, lambda tx: cards.page_link(tx, pocket.here.ring, pocket.card, strength, pocket.now))
    return f"/c/{token}/card.pkpass"


async def counts(pocket):
    tables = ("passes", "page_links", "updates", "events", "audit_entries", "registrations")
    return [await pocket.here.db.fetch_val(f"SELECT COUNT(*) FROM {table}") for table in tables]


async def test_the_download_is_what_safari_asks_for(pocket, browser):
    answer = await browser.get(await link(pocket))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.apple.pkpass"
    assert answer.headers["content-disposition"] == 'inline; filename="card.pkpass"'
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["cache-control"] == "private, no-store"
    assert "set-cookie" not in answer.headers
    assert check_pkpass(answer.content, root_pem=pocket.root, now=pocket.now).barcode["message"] == pocket.card.code


async def test_a_second_fetch_and_a_head_give_the_same_version_and_write_nothing(pocket, browser):
    address = await link(pocket)
    first = await browser.get(address)
    before = await counts(pocket)
    again, head = await browser.get(address), await browser.head(address)
    assert again.headers["last-modified"] == head.headers["last-modified"] == first.headers["last-modified"]
    assert (head.status_code, head.content) == (200, b"")
    assert await counts(pocket) == before


async def test_the_link_on_the_back_of_a_pass_opens_no_wallet(pocket, browser):
    answer = await browser.get(await link(pocket, "pass"))
    assert answer.status_code == 403
    assert (await counts(pocket))[0] == 0


@pytest.mark.parametrize("token", ["x", "a" * 22, "1" * 22, "%00", "..%2f"])
async def test_an_unknown_link_is_one_that_does_not_exist(browser, token):
    assert (await browser.get(f"/c/{token}/card.pkpass")).status_code == 404


async def test_the_old_cards_link_died_when_it_was_replaced(pocket, browser):
    address = await link(pocket)
    await cards.replace(pocket.here.db, pocket.who, pocket.card.id, None, pocket.program.number_prefix, pocket.now)
    assert (await browser.get(address)).status_code == 404


async def test_a_blocked_cards_download_is_voided(pocket, browser):
    await cards.block(pocket.here.db, pocket.who, pocket.card.id, None, pocket.now)
    answer = await browser.get(await link(pocket))
    assert check_pkpass(answer.content, root_pem=pocket.root).is_voided
