"""What is bought for money and lies on the card from then on: packages of visits, memberships, stored value."""
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from app.cards import service as cards
from app.cards.rules import CardBlocked
from app.clock import to_ms
from app.db import Database, Transaction
from app.errors import NotFound
from app.idempotency.rules import Key
from app.ledger import service as ledger
from app.ledger.operations import Draft, Operation
from app.ledger.rules import Purses, end_of_lot
from app.programs import service as programs
from app.sales import acts, rules
from app.sales.acts import Outcome
from app.sales.case import check_open
from app.web.principal import Principal


class Till(msgspec.Struct, frozen=True):
    """Where a purchase is rung up, and under which number."""

    receipt: str | None = None
    location_id: int | None = None


NOWHERE = Till()


class Giver(msgspec.Struct, frozen=True):
    """Who gives the load of a gift card, and what they say to who gets it; each at most 300 characters."""

    name: str = ""
    words: str = ""


class _Bought(msgspec.Struct, frozen=True):
    """What a purchase does. load: puts it into the purses, which were read for `unit`."""

    price: int
    unit: str
    texts: dict[str, Any]
    load: Callable[[Purses], None]


async def buy_package(db: Database, who: Principal, card_id: int, package_key: str, key: Key | None, now: datetime,
                      till: Till = NOWHERE) -> Outcome:
    """Prepaid visits. Raises NotFound (no such package either), CardBlocked, CardEnded, OwnCard, ProgramClosed, ReceiptUsed,
    OtherLocation."""
    def choose(program: programs.Program) -> _Bought:
        packages = program.rules.visits.packages if program.rules.visits else ()
        package = next((one for one in packages if one.key == package_key), None)
        if package is None:
            raise NotFound()
        end = end_of_lot(now, package.days, program.time_zone)
        return _Bought(package.price_minor, "visits", {"package": package.key},
                       lambda purses: purses["visits"].earn(package.visits, end, "loaded"))

    return await _buy(db, who, card_id, till, choose, key, now)


async def buy_plan(db: Database, who: Principal, card_id: int, plan_key: str, key: Key | None, now: datetime,
                   till: Till = NOWHERE) -> Outcome:
    """A membership from today on, or from where the last one ends. Raises as `buy_package`."""
    def choose(program: programs.Program) -> _Bought:
        plans = program.rules.membership.plans if program.rules.membership else ()
        plan = next((one for one in plans if one.key == plan_key), None)
        if plan is None:
            raise NotFound()
        return _Bought(plan.price_minor, "membership", {"plan": plan.key},
                       lambda purses: ledger.extend_membership(purses["membership"], plan.days, now, program.time_zone, book="loaded"))

    return await _buy(db, who, card_id, till, choose, key, now)


async def load_gift(db: Database, who: Principal, card_id: int, amount: int, key: Key | None, now: datetime, till: Till = NOWHERE,
                    giver: Giver | None = None) -> Outcome:
    """Stored value of `amount` minor units; the card may be anybody's, and nobody's. Raises as `buy_package`, and Invalid."""
    rules.check_giver(giver.name if giver else "", giver.words if giver else "")

    def choose(program: programs.Program) -> _Bought:
        gift = program.rules.gift
        if gift is None:
            raise NotFound()
        rules.check_load(gift, amount)
        end = end_of_lot(now, gift.days, program.time_zone)
        texts = {"gift": {"from": giver.name.strip(), "words": giver.words.strip()} if giver else {}}
        return _Bought(amount, program.rules.unit, texts, lambda purses: purses[program.rules.unit].earn(amount, end, "loaded"))

    return await _buy(db, who, card_id, till, choose, key, now)


async def _buy(db: Database, who: Principal, card_id: int, till: Till, choose: Callable[[programs.Program], _Bought], key: Key | None,
               now: datetime) -> Outcome:
    rules.check_receipt(till.receipt)

    async def act(tx: Transaction) -> Operation:
        card, program = await acts.open_card(tx, who, card_id)
        await acts.check_not_own(tx, who, card)
        check_sells(card, program, now)
        bought = choose(program)
        location_id, receipt = await acts.place(tx, who, program, till.location_id, till.receipt, "sale", now)
        purses = await ledger.purses_of(tx, card.account_id, now, now, tuple(dict.fromkeys((program.rules.unit, bought.unit))))
        await ledger.settle(tx, who, purses, program, card.account_id, card.id, now)
        bought.load(purses)
        texts = {**({"receipt": till.receipt} if till.receipt else {}), **bought.texts}
        draft = Draft("purchase", program.id, card.account_id, card.id, to_ms(now), program.rules_version, location_id,
                      amount_minor=bought.price, to_pay_minor=bought.price, texts=texts)
        return await ledger.post(tx, who, draft, purses, now, receipt)

    return await acts.once_not_own(db, who, key, act, now)


def check_sells(card: cards.Card, program: programs.Program, now: datetime) -> None:
    """Raises CardBlocked; ProgramClosed also where a closing programme takes no more money."""
    if card.status == "blocked":
        raise CardBlocked()
    check_open(program, now)
    if program.earns_until_at is not None and to_ms(now) >= program.earns_until_at:
        raise rules.ProgramClosed()
