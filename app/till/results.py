"""What was just done at a till, said so that a cashier knows what to take and what to hand over."""
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from app.benefits import service as benefits
from app.benefits import vouchers_store
from app.benefits.rules import Voucher, in_groups
from app.cards.service import Card
from app.context import Context
from app.ledger import service as ledger
from app.ledger.operations import Operation
from app.ledger.shown import UNITS, shown
from app.programs import words
from app.programs.store import Program
from app.sales import service as sales
from app.sales.judgement import Quote
from app.standing import levels
from app.standing import service as standings
from app.web import formats
from app.web.principal import Principal

UNDO_AT_ONCE_SECONDS = 10       # the undo stands beside the result so long; afterwards it is on the sale's own page
DONE = ("sale", "visit", "purchase", "claim")        # what a till does and may take back


def undo_seconds(operation: Operation, program: Program, now: datetime) -> int:
    """How long an act can still be undone, in whole seconds; 0: no longer."""
    return max(0, int((operation.recorded_at + timedelta(minutes=program.rules.undo_minutes) - now).total_seconds()))


def undo_at_once(operation: Operation, program: Program, now: datetime) -> int:
    """How long the undo stands where the act was just done, in whole seconds; 0: it is to be looked for."""
    since = int((now - operation.recorded_at).total_seconds())
    return max(0, min(undo_seconds(operation, program, now), UNDO_AT_ONCE_SECONDS - since))


def signed(amount: int, unit: str, currency: str, language: str) -> str:
    """A change of a balance with its sign and its word: "+34 points", «−2 посещения»."""
    return f"{'+' if amount > 0 else formats.MINUS}{words.amount(abs(amount), unit, currency, language)}"


def change_of(operation: Operation, currency: str) -> str:
    """The first balance that moved, as short as a button needs it: "+34"; "" where none did."""
    sums = shown(operation)["sums"]
    if not sums:
        return ""
    unit, amount = sums[0]
    if unit in ("money", "donated"):
        return f"{'+' if amount > 0 else formats.MINUS}{formats.number(abs(amount), currency, 'en')}"
    return formats.signed(amount)


async def done_of(here: Context, who: Principal, program: Program, card: Card, operation_id: int | None, language: str,
                  now: datetime) -> dict[str, Any] | None:
    """What the form before did, while its undo is within reach; None for whatever is none of this card's acts."""
    if operation_id is None:
        return None
    operation = await sales.get_operation(here.db, who, operation_id)
    if operation.kind not in DONE or operation.account_id != card.account_id:
        return None
    made = await vouchers_store.of_operation(here.db, operation.business_id, operation.id, used=False)
    used = await vouchers_store.of_operation(here.db, operation.business_id, operation.id, used=True)
    rewards = await benefits.list_rewards(here.db, program.business_id, program.id, open_only=False)
    names, by_id = ({key(each): each.names.in_(language) for each in rewards} for key in (attrgetter("key"), attrgetter("id")))
    pieces = await benefits.pieces_of(here.db, here.ring, card.business_id, card.account_id) if made or used else {}
    return {
        "kind": operation.kind, "change": change_of(operation, program.currency), "to_pay_minor": operation.to_pay_minor,
        "operation": here.ids.encode("operation", operation.id), "at_once": undo_at_once(operation, program, now),
        "gains": [signed(amount, unit, program.currency, language) for unit, amount in shown(operation)["sums"]],
        "hand_out": [{"name": by_id.get(each.reward_id, ""), "piece": pieces.get(each.id, "")} for each in used],
        "vouchers": [_voucher(each, names, language) for each in made if each.status == "open"],
        "level": await _new_level(here, program, operation, language),
        "member_until": await ledger.member_until(here.db, card.account_id, now) if operation.texts.get("plan") else None}


def _voucher(voucher: Voucher, names: dict[str, str], language: str) -> dict[str, Any]:
    known = [names[key] for key in voucher.rewards if key in names]
    return {"name": words.listed(known, language, choice=True) if known else "", "code": in_groups(voucher.code), "until": voucher.ends_at}


async def _new_level(here: Context, program: Program, operation: Operation, language: str) -> str:
    """The name of the level that an operation led to; "" where it changed none."""
    if program.rules.levels is None:
        return ""
    rows = await standings.history(here.db, program.business_id, operation.account_id, limit=5)
    reached = next((row.level for row in rows if row.operation_id == operation.id and row.level != operation.texts.get("level")), None)
    level = levels.find(program.rules.levels, reached)
    return level.name.in_(language) if level else ""


def told(quote: Quote, program: Program, language: str) -> dict[str, Any]:
    """A purchase before it is done: what it costs, what pays for it, what it brings."""
    judged, unit = quote.judgement, quote.rules.unit
    names = quote.around.rewards if quote.around else {}
    gained = {each: judged.gained(each) for each in UNITS}
    return {
        "amount": judged.amount, "discount": judged.discount, "spent": judged.spent_minor, "to_pay": judged.to_pay,
        "spent_words": words.amount(judged.points, unit, program.currency, language) if judged.points else "",
        "takes": [words.amount(amount, each, program.currency, language) for each, amount in judged.takes.items() if amount],
        "gains": [signed(amount, each, program.currency, language) for each, amount in gained.items() if amount],
        "gives": [names[each.reward].in_(language) for each in judged.given if each.reward in names],
        "hints": sales.hints(quote, language)}
