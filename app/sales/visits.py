"""Prepaid visits: used one by one, and frozen while somebody is away."""
from datetime import datetime
from typing import Any

from app.audit import service as audit
from app.cards import rotation
from app.cards.rules import check_can_change
from app.clock import to_ms
from app.db import Database, Transaction
from app.errors import Forbidden, NotFound
from app.idempotency.rules import Key
from app.ledger import operations_store
from app.ledger import service as ledger
from app.ledger.operations import Draft, Operation
from app.ledger.operations_store import Filter
from app.ledger.rules import Purses
from app.programs import service as programs
from app.programs.terms import Visits
from app.sales import acts, rules
from app.sales.acts import Outcome
from app.sales.case import check_open, check_spends
from app.sales.judging import NotEnough, VisitsUsedToday
from app.standing import service as standings
from app.web.principal import Principal

MOST_FREEZES = 200


async def visit(db: Database, who: Principal, card_id: int, count: int, key: Key | None, now: datetime, *,
                location_id: int | None = None, at: datetime | None = None) -> Outcome:
    """`count` prepaid visits are used, without a receipt. at: when, up to 72 hours back; None: now.

    Raises Invalid, NotFound (also where the programme has no visits), CardBlocked, CardProvisional, CardEnded, ProgramClosed,
    NotEnough, VisitsUsedToday, OtherLocation, OnlyEarns, LiveCodeNeeded.
    """
    rules.check_visits(count)

    async def act(tx: Transaction) -> Operation:
        card, program = await _open(tx, who, card_id)
        await check_spends(tx, who)
        await rotation.check_presented(tx, who, card, program, now)
        moment = rules.moment(at, now, card.created_at)
        check_open(program, moment)
        version, in_force = await programs.rules_at(tx, program, moment)
        most = in_force.visits.a_day if in_force.visits else None
        if most is not None and (await standings.standing_of(tx, program, in_force, card, moment, now)).visits_today + count > most:
            raise VisitsUsedToday(params={"visits": most})
        purses = await _purses(tx, who, program, card, moment, now)
        purse = purses["visits"]
        if count > purse.spendable:
            raise NotEnough(params={"available": purse.spendable, "needed": count}, extra={"unit": "visits"})
        purse.spend(count)
        location, _ = await acts.place(tx, who, program, location_id, None, "sale", moment)
        draft = Draft("visit", program.id, card.account_id, card.id, to_ms(moment), version, location)
        return await ledger.post(tx, who, draft, purses, now)

    return await acts.once_not_own(db, who, key, act, now)


async def freeze(db: Database, who: Principal, card_id: int, days: int, key: Key | None, now: datetime) -> Outcome:
    """Visits rest for `days` days after today and live as many days longer, as far as the programme allows.

    Raises Invalid, NotFound, CardBlocked, CardProvisional, CardEnded, NotEnough (nothing to freeze), AlreadyFrozen, FreezeLimit.
    """
    rules.check_freeze(days)

    async def act(tx: Transaction) -> Operation:
        card, program = await _open(tx, who, card_id)
        assert program.rules.visits is not None
        purses = await _purses(tx, who, program, card, now, now)
        purse = purses["visits"]
        if purse.pending:
            raise rules.AlreadyFrozen()
        if not purse.spendable:
            raise NotEnough(params={"available": 0, "needed": 1}, extra={"unit": "visits"})
        await _check_limits(tx, who, program.rules.visits, card.account_id, days)
        ledger.freeze(purse, days, now, program.time_zone)
        return await _post(tx, who, program, card, purses, {"freeze": days}, now)

    return await acts.once_not_own(db, who, key, act, now)


async def unfreeze(db: Database, who: Principal, card_id: int, key: Key | None, now: datetime) -> Outcome:
    """Frozen visits can be used again at once; the days that they did not rest are not counted. Raises NotFrozen beside `freeze`'s."""
    async def act(tx: Transaction) -> Operation:
        card, program = await _open(tx, who, card_id)
        purses = await _purses(tx, who, program, card, now, now)
        if not purses["visits"].pending:
            raise rules.NotFrozen()
        return await _post(tx, who, program, card, purses, {"unfreeze": ledger.unfreeze(purses["visits"], now, program.time_zone)}, now)

    return await acts.once_not_own(db, who, key, act, now)


async def extend(db: Database, who: Principal, card_id: int, days: int, reason: str, key: Key | None, now: datetime) -> Outcome:
    """A manager lets what is left of prepaid visits live `days` days longer, frozen ones too, and says why.

    Raises Forbidden, Invalid, NotFound, CardBlocked, CardProvisional, CardEnded, NotEnough (nothing that ends is left).
    """
    if not who.may("manager"):
        raise Forbidden()
    rules.check_freeze(days)
    rules.check_reason(reason)

    async def act(tx: Transaction) -> Operation:
        card, program = await _open(tx, who, card_id)
        purses = await _purses(tx, who, program, card, now, now)
        ledger.extend(purses["visits"], days, program.time_zone)
        if not purses["visits"].legs:
            raise NotEnough(params={"available": 0, "needed": 1}, extra={"unit": "visits"})
        return await _post(tx, who, program, card, purses, {"extend": days, "reason": reason.strip()}, now)

    return await acts.once_not_own(db, who, key, act, now)


async def _open(tx: Transaction, who: Principal, card_id: int) -> tuple[acts.Card, programs.Program]:
    """A card whose visits can be moved, its account locked."""
    card, program = await acts.open_card(tx, who, card_id)
    await acts.check_not_own(tx, who, card)
    check_can_change(card, allow=("active",))
    if program.rules.visits is None:
        raise NotFound()
    return card, program


async def _purses(tx: Transaction, who: Principal, program: programs.Program, card: acts.Card, at: datetime, now: datetime) -> Purses:
    units = tuple(dict.fromkeys((program.rules.unit, "visits")))
    purses = await ledger.purses_of(tx, card.account_id, at, now, units)
    await ledger.settle(tx, who, purses, program, card.account_id, card.id, now)
    return purses


async def _check_limits(tx: Transaction, who: Principal, visits: Visits, account_id: int, days: int) -> None:
    """Raises FreezeLimit where all freezes together would be more days, or more often, than the programme allows."""
    accounts = [account_id, *await ledger.merged_into(tx, who.business_id, account_id)]
    earlier = [one for each in accounts
               for one in await operations_store.list_operations(tx, Filter(who.business_id, each, kind="freeze"), MOST_FREEZES)]
    used = sum(one.texts.get("freeze", 0) - one.texts.get("unfreeze", 0) for one in earlier)
    times = sum("freeze" in one.texts for one in earlier)
    left = max(0, visits.freeze_days - used) if times < visits.freeze_times else 0
    if days > left:
        raise rules.FreezeLimit(params={"days": left})


async def _post(tx: Transaction, who: Principal, program: programs.Program, card: acts.Card, purses: Purses, texts: dict[str, Any],
                now: datetime) -> Operation:
    draft = Draft("freeze", program.id, card.account_id, card.id, to_ms(now), program.rules_version, who.location_id, texts=dict(texts))
    operation = await ledger.post(tx, who, draft, purses, now)
    told = {name: days for name, days in texts.items() if name != "reason"}          # words stay where an erasure empties them
    await audit.record(tx, who, "card.freeze", "card", card.id, {"operation": operation.id, **told}, now=now)
    return operation
