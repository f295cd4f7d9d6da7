"""A manager gives or takes by hand, in any unit that the programme counts, and says why; never below zero."""
from datetime import datetime

from app.audit import service as audit
from app.cards import service as cards
from app.clock import to_ms
from app.db import Database, Transaction
from app.errors import Forbidden
from app.idempotency.rules import Key
from app.ledger import service as ledger
from app.ledger.operations import Draft, Operation
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.sales import acts, rules
from app.sales.acts import Outcome
from app.web.principal import Principal


async def adjust(db: Database, who: Principal, card_id: int, unit: str, amount: int, reason: str, key: Key | None,
                 now: datetime) -> Outcome:
    """Give (> 0) or take (< 0) `amount` of a unit.

    Raises Forbidden, Invalid, NotFound, CardEnded, OwnCard, ApprovalNeeded (see approvals.py), NotEnoughPoints.
    """
    check_asker(who, amount, reason)

    async def act(tx: Transaction) -> Operation:
        card, program = await acts.open_card(tx, who, card_id)
        await acts.check_not_own(tx, who, card)
        rules.check_unit(unit, units_of(program.rules))
        if is_over(program.rules, amount):
            raise rules.ApprovalNeeded(extra={"over": program.rules.four_eyes_over})
        return await adjust_in(tx, who, program, card, unit, amount, reason, now)

    return await acts.once_not_own(db, who, key, act, now)


def check_asker(who: Principal, amount: int, reason: str) -> None:
    if not who.may("manager"):
        raise Forbidden()
    rules.check_adjustment(amount, reason)


async def adjust_in(tx: Transaction, who: Principal, program: programs.Program, card: cards.Card, unit: str, amount: int, reason: str,
                    now: datetime, asked_by: str | None = None) -> Operation:
    """As `adjust`, inside the caller's transaction, on an account that it has locked. asked_by: who asked, where another confirmed."""
    purse = await ledger.purse_of(tx, card.account_id, now, now, unit)
    await ledger.settle(tx, who, purse, program, card.account_id, card.id, now)
    if amount > 0:
        ledger.put(purse, amount, program.rules, now, program.time_zone, book="adjusted")
    else:
        purse.spend(-amount, "adjusted")
    texts = {"reason": reason.strip(), **({"asked_by": asked_by} if asked_by else {})}
    draft = Draft("adjustment", program.id, card.account_id, card.id, to_ms(now), program.rules_version, who.location_id, texts=texts)
    operation = await ledger.post(tx, who, draft, purse, now)
    await audit.record(tx, who, "card.adjust", "card", card.id, {"operation": operation.id, unit: amount}, now=now)
    return operation


def units_of(in_force: ProgramRules) -> tuple[str, ...]:
    """What a programme's cards hold and a manager may give or take."""
    return (in_force.unit, *(unit for unit in ("stamps", "visits") if getattr(in_force, unit)))


def is_over(in_force: ProgramRules, amount: int) -> bool:
    """Whether a second manager has to agree."""
    return in_force.four_eyes_over is not None and abs(amount) > in_force.four_eyes_over
