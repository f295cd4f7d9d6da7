"""Two cards of one person become one: points, progress, vouchers, level and history of one go to the other, which stays."""
from datetime import datetime

from app.audit import service as audit
from app.cards import merging as card_merging
from app.cards import service as cards
from app.cards.rules import LIVE, Card, check_can_change
from app.clock import to_ms
from app.customers import merging as customer_merging
from app.customers import merging_store as customers_store
from app.db import Database, Transaction
from app.errors import Forbidden, Refused
from app.idempotency.rules import Key
from app.ledger import service as ledger
from app.ledger.moves import move_account
from app.ledger.operations import Operation
from app.programs import service as programs
from app.questions import service as questions
from app.sales import acts, merging_store
from app.sales.acts import Outcome
from app.sales.reach import check_program
from app.standing import levels
from app.standing import service as standings
from app.standing import store as levels_store
from app.standing.levels import BY_HAND, Change, Held
from app.text import N_
from app.updates import service as updates
from app.web.principal import Principal

MERGED = "merged"


class SameCard(Refused):
    code, detail = "same_card", N_("These are one card, or two that share their points already.")


class OtherProgram(Refused):
    code, detail = "other_program", N_("Only cards of the same programme can be merged.")


async def merge(db: Database, who: Principal, keep_card_id: int, lose_card_id: int, key: Key | None, now: datetime) -> Outcome:
    """A manager merges one card into another, once per key; gives the operation that put everything into the kept account.

    Refunds of the lost card's sales go on on the kept account; its number and code find the kept card from now on. Customers that
    differ become one, unless both have cards of a third programme. Raises Forbidden, NotFound, SameCard, OtherProgram, OwnCard, and
    for a card that is not active CardBlocked, CardProvisional or CardEnded.
    """
    if not who.may("manager") or who.business_id != who.acting_business_id:
        raise Forbidden()

    return await acts.once_not_own(db, who, key, lambda tx: into_one(tx, who, keep_card_id, lose_card_id, now), now)


async def into_one(tx: Transaction, who: Principal, keep_card_id: int, lose_card_id: int, now: datetime, *,
                   is_over: bool = False) -> Operation:
    """The merge itself, inside the caller's transaction; whether `who` may is the caller's to say. Raises as `merge`.

    is_over: cards that have ended are no obstacle: what is left on their accounts, and their past, come along.
    """
    keep, lose = await _both(tx, who, keep_card_id, lose_card_id, is_over)
    program = await programs.get_program(tx, who.business_id, keep.program_id)
    lost_level = await levels_store.newest_level(tx, who.business_id, lose.account_id)
    _, into = await move_account(tx, who, program, lose, keep, now)
    await card_merging.retire_into(tx, keep, lose, now)
    await merging_store.hand_on(tx, who.business_id, keep.account_id, lose.account_id, to_ms(now))
    await _one_person(tx, keep, lose, now)
    await _level(tx, who, program, keep, lost_level, into.id, now)
    await audit.record(tx, who, "card.merge", "card", keep.id, {"lost": lose.id, "operation": into.id}, now=now)
    return into


async def _both(tx: Transaction, who: Principal, keep_id: int, lose_id: int, is_over: bool) -> tuple[Card, Card]:
    """Both cards, their accounts locked from here on, after what can be refused."""
    keep, lose = [await cards.get_card(tx, who.business_id, each) for each in (keep_id, lose_id)]
    if await ledger.lock(tx, who.business_id, [keep.account_id, lose.account_id]):
        keep, lose = [await cards.get_card(tx, who.business_id, each) for each in (keep_id, lose_id)]
    if keep.account_id == lose.account_id:
        raise SameCard()
    if keep.program_id != lose.program_id:
        raise OtherProgram()
    for card in (keep, lose):
        check_program(who, card.program_id)
        if not (is_over and card.status not in LIVE):
            check_can_change(card, allow=("active",))
        await acts.check_not_own(tx, who, card)
    return keep, lose


async def _one_person(tx: Transaction, keep: Card, lose: Card, now: datetime) -> None:
    if lose.customer_id is None or lose.customer_id == keep.customer_id:
        return
    if keep.customer_id is None:
        await customers_store.hand_account(tx, keep.business_id, lose.customer_id, keep.account_id, lose.account_id)
    elif await customer_merging.merge(tx, keep.business_id, keep.customer_id, lose.customer_id, now):
        await questions.hand_on(tx, keep.business_id, keep.customer_id, lose.customer_id)


async def _level(tx: Transaction, who: Principal, program: programs.Program, keep: Card, lost: Held | None, operation_id: int,
                 now: datetime) -> None:
    """The higher of both levels is held; then progress, which came along, decides as after any operation."""
    if program.rules.levels is None:
        return
    account_id = keep.account_id
    kept = await levels_store.newest_level(tx, program.business_id, account_id)
    held = levels.find(program.rules.levels, kept.level if kept else levels.first(program.rules.levels))
    other = levels.find(program.rules.levels, lost.level if lost else None)
    if lost is not None and other is not None and other.threshold > (held.threshold if held else -1):
        # A level that somebody gave by hand, or that is kept for a while, stays so; one that was reached is told to be merged.
        lasts = lost.until_at is None or lost.until_at > to_ms(now)
        reason = BY_HAND if lost.reason == BY_HAND and lasts else MERGED
        await levels_store.append_level(
            tx, program.business_id, account_id, Change(lost.level, reason, lost.until_at if lasts else None),
            at=max(to_ms(now), kept.at if kept else 0), actor_kind=who.kind, actor_id=who.id, operation_id=operation_id, note=MERGED)
        await updates.emit(tx, program.business_id, standings.TIER_CHANGED, now, card_id=keep.id, operation_id=operation_id,
                           details={"from": held.key if held else None, "to": lost.level})
    progress = await ledger.progress_of(tx, account_id, now, now)
    await standings.after(tx, who, program, program.rules, account_id, operation_id, progress, now)
