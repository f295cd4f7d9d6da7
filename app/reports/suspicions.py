"""Signs of fraud (goals S6, S7): every minute the new operations are looked at, and what shows a pattern is noted for the managers.

The one report that writes: it notes what it saw, once a day each, so that a manager can say that it is settled.
"""
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from app.audit import service as audit
from app.clock import from_ms, local_day, to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import NotFound
from app.programs import service as programs
from app.reports import suspicions_rules as rules
from app.reports import suspicions_store as store
from app.reports.suspicions_rules import Act, Sign
from app.updates import service as updates
from app.web.principal import Principal

CURSOR = "suspicions"
PAGE, ACCOUNTS, SHOWN = 2_000, 100, 20
# Ids are given before they are committed: what a slow transaction left behind the last look is looked at again.
OVERLAP = 200


class Suspicion(NamedTuple):
    """A sign as a manager sees it; period: the local day, YYYY-MM-DD."""

    id: int
    kind: str
    subject_kind: str
    subject_id: int
    period: str
    details: dict[str, Any]
    at: datetime


async def review_due(db: Database, now: datetime) -> int:
    """Look at the operations since the last look; returns how many signs were new. A first look begins with the newest page."""
    known, newest = await updates.find_cursor(db, CURSOR), await store.newest(db)
    after = max(0, (known or newest - PAGE) - OVERLAP)
    noted = 0
    while rows := await store.since(db, after, PAGE):
        by_business: dict[int, list[Any]] = defaultdict(list)
        for row in rows:
            by_business[row["business_id"]].append(row)
        for business_id, seen in by_business.items():
            # In a report's thread: a day of every account of a busy minute, on the tills' loop, holds them up for half a second.
            async with db.transaction(readonly=True) as report:
                signs = await _signs(report, business_id, seen, now)
            noted += await _note(db, business_id, signs, now)
        after = rows[-1]["id"]
    await write_transaction(db, lambda tx: updates.move_cursor(tx, CURSOR, newest))
    return noted


async def _signs(report: Transaction, business_id: int, seen: Sequence[Any], now: datetime) -> list[Sign]:
    """What the accounts, cards and people of some new operations show over their day (returns: over 30 days)."""
    day, month = to_ms(now) - rules.DAY, to_ms(now) - rules.MONTH
    signs: list[Sign] = []
    for accounts in _chunks({row["account_id"] for row in seen if row["kind"] == "sale"}):
        by_account: dict[int, list[Act]] = defaultdict(list)
        for act in await store.acts_of(report, business_id, accounts, day):
            by_account[act.account_id].append(act)
        signs += [sign for acts in by_account.values() for sign in rules.of_account(acts)]
    for accounts in _chunks({row["account_id"] for row in seen if row["kind"] in ("refund", "undo")}):
        signs += rules.of_returns(await store.returns_of(report, business_id, accounts, month))
    for cards in _chunks({row["card_id"] for row in seen if row["kind"] == "welcome"}):
        signs += rules.of_issuers(await store.issuers_of(report, business_id, cards, day))
    if any(row["kind"] == "adjustment" for row in seen):
        signs += rules.of_corrections(await store.corrections_since(report, business_id, day))
    return signs


def _chunks(ids: Iterable[int]) -> list[list[int]]:
    ordered = sorted(ids)
    return [ordered[at:at + ACCOUNTS] for at in range(0, len(ordered), ACCOUNTS)]


async def _note(db: Database, business_id: int, signs: Sequence[Sign], now: datetime) -> int:
    if not signs:
        return 0
    zone = (await programs.get_business(db, business_id)).time_zone
    period = local_day(now, zone).isoformat()

    async def act(tx: Transaction) -> int:
        noted = 0
        for sign in signs:
            made = await store.note(tx, {
                "business_id": business_id, "kind": sign.kind, "subject_kind": sign.subject_kind, "subject_id": sign.subject_id,
                "period": period, "details": msgspec.json.encode(sign.details).decode(), "at": to_ms(now)})
            if made is not None:
                noted += 1
                await updates.emit(tx, business_id, "suspicion.noted", now, details={"kind": sign.kind, "suspicion": made})
        return noted

    return await write_transaction(db, act)


async def list_open(db: Database, business_id: int) -> list[Suspicion]:
    """What no manager has settled yet, newest first."""
    return [Suspicion(row["id"], row["kind"], row["subject_kind"], row["subject_id"], row["period"],
                      msgspec.json.decode(row["details"]), from_ms(row["at"])) for row in await store.open_ones(db, business_id, SHOWN)]


async def dismiss(db: Database, who: Principal, suspicion_id: int, now: datetime) -> None:
    """A manager has looked. Raises NotFound where it is settled, or none of the business's."""
    async def act(tx: Transaction) -> None:
        if not await store.dismiss(tx, who.business_id, suspicion_id, to_ms(now)):
            raise NotFound()
        await audit.record(tx, who, "suspicion.settled", "suspicion", suspicion_id, now=now)

    await write_transaction(db, act)
