"""What is kept for how long is said in one table, and a dry run says what a run does (goal N5)."""
import re
from collections import Counter
from pathlib import Path

import pytest

from app.cards import service as cards
from app.clock import to_ms
from app.commands import retention as command
from app.db import write_transaction
from app.errors import Invalid, NotFound
from app.privacy import policy, retention
from app.sales import service as sales
from app.sales.rules import SaleRequest
from tests.enrolment.joining import Joining
from tests.shops import make_card
from tests.test_schema import columns

LEFT_BY_ROOMS = {"updates"}         # the newest numbered row stays: the next number is counted from it

SENT = {"text_sealed": ":blob", "due_at": ":at", "created_at": ":at", "sent_at": ":at"}
ROWS = {
    "messages": {"business_id": ":business", "card_id": ":card", "purpose": "'code'", "phone_sealed": ":blob", "phone_server_hash": ":blob",
                 "phone_hint": "'67'", "text_sealed": ":blob", "language": "'ru'", "segments": "1", "state": "'delivered'", "due_at": ":at",
                 "created_at": ":at", "final_at": ":at"},
    "mails (to a shopper)": {"business_id": ":business", "kind": "'enrolment'", **SENT},
    "mails (to staff)": {"business_id": ":business", "kind": "'sms'", **SENT},
    "page_links": {"business_id": ":business", "card_id": ":card", "strength": "'pass'", "token_hash": ":blob", "token_sealed": ":blob",
                   "created_at": ":at", "revoked_at": ":at"},
    "page_sessions": {"business_id": ":business", "card_id": ":card", "token_hash": ":blob", "strength": "'seen'", "created_at": ":at",
                      "expires_at": ":at"},
    "sessions": {"business_id": ":business", "staff_id": ":staff", "token_hash": ":blob", "kind": "'console'", "created_at": ":at",
                 "seen_at": ":at", "expires_at": ":at"},
    "sign_in_steps": {"business_id": ":business", "account_kind": "'staff'", "account_id": ":staff", "token_hash": ":blob",
                      "kind": "'console'", "must_set_up": "0", "created_at": ":at", "expires_at": ":at"},
    "used_challenges": {"challenge_hash": ":blob", "expires_at": ":at"},
    "sign_in_links": {"business_id": ":business", "staff_id": ":staff", "token_hash": ":blob", "created_at": ":at", "expires_at": ":at"},
    "limit_hits": {"scope": "'x'", "subject": "'y'", "at": ":at"},
    "idempotency_keys": {"business_id": ":business", "key": "'k'", "fingerprint": ":blob", "created_at": ":at"},
    "card_reads": {"business_id": ":business", "actor_kind": "'staff'", "actor_id": ":staff", "hour_at": ":at", "card_id": ":card"},
    "demo_messages": {"phone": "'+79161230000'", "text": "'hello'", "at": ":at"},
}


async def fill(here, shop) -> None:
    """Something of each kind that rows speak of, all from now."""
    joining, now = Joining(here, shop), here.clock.now()
    await joining.start()
    card = await make_card(here, shop, phone="+79161230000", points=50)
    at = {"business": shop.business_id, "card": card.id, "staff": shop.who.id, "at": to_ms(now), "blob": b"x"}
    for table, values in ROWS.items():
        statement = f"INSERT INTO {table.split()[0]}({', '.join(values)}) VALUES ({', '.join(values.values())})"
        named = set(re.findall(r":(\w+)", statement))
        await here.db.execute(statement, {name: value for name, value in at.items() if name in named})


async def told(here) -> Counter:
    return Counter({due.row.key: due.things for due in await retention.plan(here)})


@pytest.mark.goal("N5")
async def test_after_400_days_a_run_does_what_the_dry_run_said(here, shop):
    await fill(here, shop)
    await write_transaction(here.db, lambda tx: retention.choose(tx, shop.who, "inactive", 365, here.clock.now()))
    here.clock.advance(days=401)
    said = await told(here)
    assert {"enrolments", "inactive", "message_texts", "messages", "shopper_mails", "mails", "page_links", "page_sessions", "sessions",
            "sign_in_links", "limits", "idempotency", "events", "reads", "demo"} <= {key for key, things in said.items() if things}
    done = Counter({due.row.key: due.things for due in await retention.run(here)})
    assert {key: done[key] for key in said if key not in LEFT_BY_ROOMS} == {key: said[key] for key in said if key not in LEFT_BY_ROOMS}
    again = await told(here)
    # An erasure makes news of its own; what was over is gone.
    assert {key for key, things in again.items() if things} <= LEFT_BY_ROOMS


@pytest.mark.goal("N5")
async def test_nothing_is_touched_before_its_time(here, shop):
    await fill(here, shop)
    here.clock.advance(minutes=5)
    rows = await here.db.fetch_all("SELECT COUNT(*) FROM mails UNION ALL SELECT COUNT(*) FROM customers WHERE erased_at IS NULL")
    assert {key for key, things in (await told(here)).items() if things} <= {"message_texts"}
    await retention.run(here)
    assert [tuple(row) for row in rows] == [tuple(row) for row in await here.db.fetch_all(
        "SELECT COUNT(*) FROM mails UNION ALL SELECT COUNT(*) FROM customers WHERE erased_at IS NULL")]


async def test_a_dry_run_changes_nothing_and_says_so(here, shop):
    await fill(here, shop)
    here.clock.advance(days=401)
    before = await told(here)
    answer = await command.act(here, dry_run=True)
    assert answer["lines"][-1] == "Nothing was changed." and await told(here) == before
    assert (await command.act(here, dry_run=False))["lines"][-1] == "Done."


async def test_a_shopper_who_still_comes_is_not_inactive(here, shop):
    card = await make_card(here, shop)
    await write_transaction(here.db, lambda tx: retention.choose(tx, shop.who, "inactive", 180, here.clock.now()))
    here.clock.advance(days=170)
    await sales.sell(here.db, shop.cashier, SaleRequest(card.id, 100_000), None, here.clock.now())
    here.clock.advance(days=170)
    await retention.run(here)
    assert (await cards.get_card(here.db, shop.business_id, card.id)).status == "active"
    here.clock.advance(days=11)
    await retention.run(here)
    assert (await cards.get_card(here.db, shop.business_id, card.id)).status == "erased"


async def test_what_one_business_chose_does_not_hold_for_another(here, shop, other_shop):
    mine, theirs = await make_card(here, shop), await make_card(here, other_shop)
    await write_transaction(here.db, lambda tx: retention.choose(tx, shop.who, "inactive", 180, here.clock.now()))
    here.clock.advance(days=200)
    await retention.run(here)
    assert (await cards.get_card(here.db, shop.business_id, mine.id)).status == "erased"
    assert (await cards.get_card(here.db, other_shop.business_id, theirs.id)).status == "active"


async def test_a_choice_stays_within_its_limits(here, shop):
    async def choose(key, days):
        await write_transaction(here.db, lambda tx: retention.choose(tx, shop.who, key, days, here.clock.now()))

    for key, days in (("inactive", 179), ("inactive", 3651)):
        with pytest.raises(Invalid):
            await choose(key, days)
    for key in ("sessions", "nothing"):
        with pytest.raises(NotFound):
            await choose(key, 200)
    assert await retention.of_business(here.db, shop.business_id) == {}
    await choose("inactive", 200)
    assert await retention.of_business(here.db, shop.business_id) == {"inactive": 200}
    await choose("inactive", None)
    assert await retention.of_business(here.db, shop.business_id) == {}


async def test_the_table_speaks_of_tables_and_columns_that_are_there(db):
    tables = await columns(db)
    for row in policy.TABLE:
        assert {*row.keys, *(row.changes or {})} <= set(tables[row.table]), row.key
        assert not row.is_open or "business_id" in tables[row.table], row.key
        assert row.days is None or not row.is_open or row.least <= row.days <= row.most


def test_the_documentation_has_the_table():
    page = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text("utf-8")
    for row in policy.TABLE:
        length = "unless the business says so" if row.days is None else f"{row.days} days" if row.days else "at once"
        assert re.search(rf"^\| {re.escape(row.what)} \|.*{length}", page, re.M), row.key
