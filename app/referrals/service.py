"""Inviting friends and guests, joining by an invitation, and the reward of both sides once a friend's purchase has settled."""
from datetime import datetime, timedelta

from app.audit import service as audit
from app.cards import store as cards_store
from app.cards.rules import Card
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import NotFound
from app.ledger import service as ledger
from app.ledger.operations import Draft, Operation
from app.programs import service as programs
from app.programs.store import Program
from app.programs.terms import Referral
from app.referrals import rules, store
from app.referrals.rules import ClubClosed, ClubNotReached, Facts, Invitation, Waiting
from app.referrals.store import Reader, counts
from app.updates import service as updates
from app.web.principal import Principal, system

__all__ = ["ClubClosed", "ClubNotReached", "Invitation", "accept", "check_club", "close_invitation", "counts", "create_invitation",
           "find_invitation", "invitation_of", "list_invitations", "own_invitation", "settle_due", "use_club"]

AT_ONCE = 100
SHOWN = 100


# Invitations.

async def own_invitation(reader: Reader, business_id: int, account_id: int) -> Invitation | None:
    """The shopper's invitation, if they asked for one."""
    return await store.of_account(reader, business_id, account_id)


async def invitation_of(tx: Transaction, program: Program, account_id: int, code: str, now: datetime) -> Invitation:
    """The shopper's invitation, made with `code` (drawn by the caller: `rules.CODE_LETTERS` letters) where there is none.

    Raises NotFound where the programme rewards no friends.
    """
    if program.rules.referral is None:
        raise NotFound()
    known = await store.of_account(tx, program.business_id, account_id)
    made = known or await store.append_invitation(tx, {
        "business_id": program.business_id, "program_id": program.id, "account_id": account_id, "code": code, "uses": None,
        "now": to_ms(now), "ends_at": None})
    found = made or await store.of_account(tx, program.business_id, account_id)
    assert found is not None
    return found


async def create_invitation(db: Database, who: Principal, program_id: int, code: str, uses: int | None, ends_at: datetime | None,
                            now: datetime) -> Invitation:
    """A manager's link to a closed club. Raises Invalid (field `uses`) and NotFound."""
    rules.check_uses(uses)

    async def act(tx: Transaction) -> Invitation:
        program = await programs.get_program(tx, who.business_id, program_id)
        made = await store.append_invitation(tx, {
            "business_id": program.business_id, "program_id": program.id, "account_id": None, "code": code, "uses": uses,
            "now": to_ms(now), "ends_at": to_ms(ends_at) if ends_at else None})
        assert made is not None
        await audit.record(tx, who, "invitation.created", "invitation", made.id, {"uses": uses}, now=now)
        return made

    return await write_transaction(db, act)


async def list_invitations(reader: Reader, business_id: int) -> list[Invitation]:
    """The business's own, newest first."""
    return await store.of_business(reader, business_id, SHOWN)


async def close_invitation(db: Database, who: Principal, invitation_id: int, now: datetime) -> None:
    """Raises NotFound where it has ended, or is none of the business's."""
    async def act(tx: Transaction) -> None:
        if not await store.close_invitation(tx, who.business_id, invitation_id, to_ms(now)):
            raise NotFound()
        await audit.record(tx, who, "invitation.closed", "invitation", invitation_id, now=now)

    await write_transaction(db, act)


async def find_invitation(reader: Reader, program: Program, code: str, now: datetime) -> Invitation | None:
    """The open invitation to this programme that a code names; None for whatever is none."""
    found = await store.by_code(reader, program.business_id, program.id, code) if code else None
    return found if found is not None and found.is_open(now) else None


# Closed clubs.

async def check_club(reader: Reader, program: Program, customer_id: int | None, invitation_id: int | None, now: datetime) -> None:
    """Raises ClubClosed where a closed club is asked for without an open invitation, ClubNotReached without enough points.

    Points are the progress of the other card's account where its programme has levels (what was spent may still have been
    reached), else what it holds. A friend's invitation opens a club that rewards friends.
    """
    club = program.rules.club
    if club is None:
        return
    if club.by == "invitation":
        invitation = await store.find(reader, program.business_id, invitation_id) if invitation_id else None
        if invitation is None or invitation.program_id != program.id or not invitation.is_open(now):
            raise ClubClosed()
    elif customer_id is None or await _reached(reader, program.business_id, club.program or "", customer_id, now) < club.points:
        raise ClubNotReached()


async def _reached(reader: Reader, business_id: int, slug: str, customer_id: int, now: datetime) -> int:
    for other in await programs.list_programs(reader, business_id):
        if other.slug == slug:
            held = await cards_store.of_customer(reader, business_id, customer_id, other.id)
            account_id = next((card.account_id for card in held if card.status == "active"), None)
            if account_id is None:
                return 0
            if other.rules.levels is not None:
                return await ledger.progress_of(reader, account_id, now, now)
            return (await ledger.shown(reader, account_id, now)).available.get(other.rules.unit, 0)
    return 0


async def use_club(tx: Transaction, program: Program, invitation_id: int | None, now: datetime) -> None:
    """One of the invitation's places is taken. Raises ClubClosed where none is left; does nothing for a programme that is open."""
    club = program.rules.club
    if club is None or club.by != "invitation" or invitation_id is None:
        return
    if not await store.use(tx, invitation_id, to_ms(now)):
        raise ClubClosed()


# Friends.

async def accept(tx: Transaction, program: Program, invitation_id: int | None, card: Card, now: datetime) -> str | None:
    """A card was activated by a shopper's invitation: `waiting` for a purchase, or the reason why it brings nothing.

    None where nobody invited, or the giver has no card any more. The friend keeps the card in any case.
    """
    terms = program.rules.referral
    invitation = await store.find(tx, program.business_id, invitation_id) if invitation_id and terms else None
    if terms is None or invitation is None or invitation.account_id is None or card.customer_id is None:
        return None
    giver = await ledger.home_of(tx, program.business_id, invitation.account_id)
    held = await cards_store.of_account(tx, program.business_id, giver)
    if not any(each.status == "active" for each in held):
        return None
    # Friends of one giver are counted one after another: ten that join together are ten.
    await ledger.lock(tx, program.business_id, [giver])
    reason = rules.refusal(await _facts(tx, program.business_id, giver, held[0].customer_id, card, now), terms)
    made = await store.append(tx, {
        "business_id": program.business_id, "program_id": program.id, "invitation_id": invitation.id, "giver": giver,
        "friend": card.account_id, "status": "refused" if reason else "waiting", "reason": reason, "now": to_ms(now),
        "ended_at": to_ms(now) if reason else None})
    if made is None:
        return "known"
    if program.rules.club is None:
        await store.use(tx, invitation.id, to_ms(now))
    await updates.emit(tx, program.business_id, "referral.refused" if reason else "referral.joined", now, card_id=held[0].id,
                       details={"reason": reason} if reason else None)
    return reason or "waiting"


async def _facts(tx: Transaction, business_id: int, giver: int, giver_customer: int | None, card: Card, now: datetime) -> Facts:
    assert card.customer_id is not None
    month, day = to_ms(now - rules.MONTH), to_ms(now - rules.DAY)
    in_month, idle = await store.count_lately(tx, business_id, giver, month, day)
    return Facts(
        giver == card.account_id or giver_customer == card.customer_id, await store.brought(tx, business_id, giver, card.account_id),
        await store.is_known(tx, business_id, card.customer_id, card.id), in_month, idle,
        await store.count_same_issuer(tx, business_id, giver, card.id, month))


async def settle_due(db: Database, now: datetime) -> int:
    """Looks for friends' first purchases, and rewards both sides of those that can no longer be returned; returns how many it rewarded."""
    after = 0
    while found := await store.without_sale(db, after, AT_ONCE):
        for waiting in found:
            await _look_for_sale(db, waiting, now)
        after = found[-1].id
    rewarded = 0
    while due := await store.due(db, to_ms(now), AT_ONCE):
        for waiting in due:
            rewarded += await write_transaction(db, lambda tx, waiting=waiting: _settle(tx, waiting, now))  # type: ignore[misc]
    return rewarded


async def _look_for_sale(db: Database, waiting: Waiting, now: datetime) -> None:
    """Notes the purchase that the reward waits for; gives up after half a year without one."""
    program = await programs.get_program(db, waiting.business_id, waiting.program_id)
    terms = program.rules.referral
    is_over = terms is None or now > waiting.created_at + rules.GIVES_UP
    home = await ledger.home_of(db, waiting.business_id, waiting.friend_account_id)
    sale = None if terms is None else await store.first_sale(
        db, waiting.business_id, (waiting.friend_account_id, home), max(1, terms.least_minor))
    if sale is None and not is_over:
        return

    async def act(tx: Transaction) -> None:
        if sale is None or terms is None:
            await store.end(tx, waiting.id, "refused", "too_late", to_ms(now))
        else:
            settle_ms = timedelta(days=terms.settle_days) // timedelta(milliseconds=1)
            await store.set_sale(tx, waiting.id, sale["id"], sale["recorded_at"] + settle_ms)

    await write_transaction(db, act)


async def _settle(tx: Transaction, waiting: Waiting, now: datetime) -> int:
    """Rewards both sides, refuses, or goes on waiting, in one transaction; returns 1 where it rewarded."""
    business_id, terms_of = waiting.business_id, await programs.get_program(tx, waiting.business_id, waiting.program_id)
    giver, friend = [await ledger.home_of(tx, business_id, each) for each in (waiting.giver_account_id, waiting.friend_account_id)]
    await ledger.lock(tx, business_id, [giver, friend])
    assert waiting.first_sale_id is not None
    undone, left = await store.left_of(tx, business_id, waiting.first_sale_id)
    terms = terms_of.rules.referral
    if undone:
        await store.set_sale(tx, waiting.id, None, None)
        return 0
    reason = await _last_refusal(tx, business_id, terms, giver, friend, left, now)
    if not await store.end(tx, waiting.id, "refused" if reason else "rewarded", reason, to_ms(now)) or reason or terms is None:
        return 0
    for account_id, amount in ((giver, terms.giver), (friend, terms.friend)):
        await _reward(tx, terms_of, account_id, terms, amount, waiting.id, now)
    return 1


async def _last_refusal(tx: Transaction, business_id: int, terms: Referral | None, giver: int, friend: int, left: int,
                        now: datetime) -> str | None:
    """Why a purchase that settled brings nothing after all."""
    if terms is None:
        return "too_late"
    if giver == friend:                 # both cards were merged meanwhile
        return "self"
    if left < max(1, terms.least_minor):
        return "refunded"
    rewarded = await store.count_rewarded(tx, business_id, giver, to_ms(now - rules.MONTH))
    return "farming" if rewarded >= terms.a_month else None


async def _reward(tx: Transaction, program: Program, account_id: int, terms: Referral, amount: int, referral_id: int,
                  now: datetime) -> Operation | None:
    """One side's reward on the account's card; None where there is nothing to give, or no card to give it to."""
    held = await cards_store.of_account(tx, program.business_id, account_id)
    card = next((each for each in held if each.status in ("active", "blocked")), None)
    if not amount or card is None:
        return None
    who = system(program.business_id)
    purses = await ledger.purses_of(tx, account_id, now, now, (terms.unit,))
    await ledger.settle(tx, who, purses, program, account_id, card.id, now)
    ledger.put(purses[terms.unit], amount, program.rules, now, program.time_zone)
    draft = Draft("referral", program.id, account_id, card.id, to_ms(now), program.rules_version)
    operation = await ledger.post(tx, who, draft, purses, now)
    await updates.emit(tx, program.business_id, "referral.rewarded", now, card_id=card.id, operation_id=operation.id,
                       details={"unit": terms.unit, "amount": amount, "referral": referral_id})
    return operation
