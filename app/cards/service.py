"""What can be done with a card: issue, find, activate, block, re-issue its code, replace it, hand out its page's link."""
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from app import secrets
from app.audit import service as audit
from app.cards import rotation, rotation_rules, rotation_store, rules, store
from app.cards.rules import Card, CardEnded, CardNotBlocked, Found, IssuedNumbers
from app.clock import to_ms
from app.coalition import service as coalition
from app.customers import phones
from app.customers import service as customers
from app.db import Database, Transaction, write_transaction
from app.errors import Invalid, NotFound, Refused
from app.idempotency import service as idempotency
from app.idempotency.rules import Key
from app.ledger import service as ledger
from app.limits import quotas
from app.programs import service as programs
from app.programs.store import Program
from app.secrets import KeyRing
from app.text import N_
from app.updates import service as updates
from app.web.principal import Principal

__all__ = ["Card", "Found", "IssuedNumbers", "activate", "add_alias", "block", "card_by_token", "cards_of_customer", "count", "end",
           "erase", "find", "find_anywhere", "forget_cardless", "get_card", "has_aliases", "issue", "issue_bearer", "list_cards",
           "page_link", "provisional_before", "reissue", "rename_customer", "replace", "revoke_links", "unblock"]

log = logging.getLogger("tessera.cards")

LINK_PURPOSE = "cards.page_link"
TOKEN_LENGTH = 22               # 128 bits: a page's link lives for years


class AliasTaken(Refused):
    code, detail = "alias_taken", N_("This old number belongs to another card already.")


async def issue(tx: Transaction, ring: KeyRing, who: Principal, *, program_id: int, account_id: int, status: str, source: str,
                numbers: IssuedNumbers, now: datetime, location_id: int | None = None,
                provisional_until: datetime | None = None) -> Card:
    """A new card on an account: active, or provisional until a moment. The caller opened the account in `tx`. Raises QuotaSpent."""
    assert status in ("active", "provisional") and (status == "provisional") == (provisional_until is not None)
    most = await quotas.quota(tx, who.business_id, "cards")
    if most is not None and await store.count_live(tx, who.business_id) >= most:
        raise quotas.QuotaSpent()
    card_id = await store.append(tx, {
        "business_id": who.business_id, "program_id": program_id, "account_id": account_id, "number": numbers.number, "code": numbers.code,
        "status": status, "source": source, "issued_by_kind": who.kind, "issued_by_id": who.id, "location_id": location_id,
        "created_at": to_ms(now), "activated_at": to_ms(now) if status == "active" else None,
        "provisional_until": to_ms(provisional_until) if provisional_until else None})
    await updates.append(tx, who.business_id, card_id, now)
    await updates.emit(tx, who.business_id, "card.created", now, card_id=card_id)
    if status == "active":
        await updates.emit(tx, who.business_id, "card.activated", now, card_id=card_id)
    return await get_card(tx, who.business_id, card_id)


async def issue_bearer(db: Database, ring: KeyRing, who: Principal, program: Program, key: Key | None, now: datetime) -> tuple[Card, str]:
    """An active card that belongs to whoever holds it: no phone, no name, only its page, whose token comes with it.

    It earns and spends like any other; without a phone nobody can find it by anything but its code, and no message reaches it.
    The programme's welcome is on it from the start.
    """
    numbers = IssuedNumbers.draw(program.number_prefix)

    async def act(tx: Transaction) -> tuple[Card, str]:
        if kept := await idempotency.claim(tx, who.business_id, key, now):
            card = await get_card(tx, who.business_id, kept.answer["card"])
            return card, await page_link(tx, ring, card, "card", now)
        account_id = await ledger.open_account(tx, who.business_id, program.id, None, now)
        card = await issue(tx, ring, who, program_id=program.id, account_id=account_id, status="active", source="bearer", numbers=numbers,
                           now=now, location_id=who.location_id)
        await ledger.welcome(tx, who, program, card, now)
        await audit.record(tx, who, "card.issue", "card", card.id, {"bearer": True}, now=now)
        await idempotency.keep(tx, who.business_id, key, 201, {"card": card.id})
        return card, await page_link(tx, ring, card, "card", now)

    return await write_transaction(db, act)


async def get_card(reader: Database | Transaction, business_id: int, card_id: int) -> Card:
    """Raises NotFound for a missing card and for another business's."""
    card = await store.find(reader, business_id, card_id)
    if card is None:
        raise NotFound()
    return card


async def find(db: Database, ring: KeyRing, who: Principal, text: str, country: str, now: datetime) -> Found:
    """The cards that a till's text means: own barcode, card number, alias (exact), phone; in this order; of the programmes that `who`
    is kept to.

    A torn scan fails its check digit before any look-up; a try with a reserved number raises an alarm; a live code is remembered as
    shown. `country`: where a phone without a country code is from (ISO). Raises TooMany where live codes of a card are guessed.
    """
    found = await _find(db, ring, who, text, country, now)
    within = tuple(card for card in found.cards if who.reaches(program_id=card.program_id))
    return found if len(within) == len(found.cards) else Found(within, problem="" if within else "unknown")


async def _find(db: Database, ring: KeyRing, who: Principal, text: str, country: str, now: datetime) -> Found:
    tidy = rules.tidy(text)
    if not tidy.isprintable():
        return Found(problem="unknown")
    if rules.could_be_ours(tidy):
        return await _find_ours(db, who, tidy, now)
    if (parts := rotation_rules.parted(tidy)) and (found_live := await _find_live(db, ring, who, *parts, now)):
        return found_live
    # An old number may be in Cyrillic letters itself; a scanner under a Russian layout only makes it look so.
    for value in dict.fromkeys((text.strip()[:rules.TEXT_MOST], tidy, rules.latin(text.strip())[:rules.TEXT_MOST])):
        if card := await store.by_alias(db, who.business_id, value):
            return Found((card,))
    try:
        e164 = phones.parse_phone(text, country, None)
    except Invalid:
        return Found(problem="torn" if len(tidy) > 12 and tidy.isdigit() else "unknown")
    customer = await customers.find_by_phone(db, ring, who.business_id, e164)
    if customer is None:
        return Found(problem="unknown")
    held = await store.of_customer(db, who.business_id, customer.id)
    return Found(tuple(card for card in held if card.status in rules.LIVE) or tuple(held[:1]))


async def find_anywhere(db: Database, ring: KeyRing, who: Principal, text: str, country: str, now: datetime) -> Found:
    """As `find`, and where the business has no such card of its own, among those of the coalitions that it takes part in.

    A card found there has the coalition's business_id: `coalition.acting_for` says who acts on it.
    """
    own = await find(db, ring, who, text, country, now)
    if own.cards or own.problem in ("reserved", "outdated"):
        return own
    for coalition_id in await coalition.coalitions_of(db, who.business_id):
        found = await find(db, ring, await coalition.acting_for(db, who, coalition_id), text, country, now)
        if found.cards or found.problem in ("retired", "outdated"):
            return found
    return own


async def _find_live(db: Database, ring: KeyRing, who: Principal, code: str, digits: str, now: datetime) -> Found | None:
    """The card of 16 digits with 8 more, which have to be those of now where the programme's codes rotate; None: it is none of ours.

    Where they do not rotate any more, a wallet that has not heard of it yet shows the 8 digits still, and the code counts as a still one.
    """
    found = await _find_ours(db, who, code, now) if rules.passes_luhn(code) else Found(problem="unknown")
    if not found.cards:
        return None if found.problem == "unknown" else found
    [card] = found.cards
    program = await programs.get_program(db, card.business_id, card.program_id)
    if program.rotation_seconds:
        try:
            await rotation.present(db, ring, card, digits, program.rotation_seconds, now)
        except rotation.CodeOutdated:
            return Found(problem="outdated")
    return found


async def _find_ours(db: Database, who: Principal, digits: str, now: datetime) -> Found:
    if not rules.passes_luhn(digits):
        card = await store.by_alias(db, who.business_id, digits)
        return Found((card,)) if card else Found(problem="torn")
    if rules.is_reserved(digits):
        await _alarm(db, who, now)
        return Found(problem="reserved")
    if digits[0] == "9":
        card = await store.by_code(db, who.business_id, digits)
        if card is None and await store.is_retired(db, who.business_id, digits):
            return Found(problem="retired")
    else:
        card = await store.by_number(db, who.business_id, digits)
    if card is None or card.status == "replaced":
        # A merged card's number leads to the card that it was merged into; one that was merely replaced leads nowhere else.
        card = await store.by_alias(db, who.business_id, digits) or card
    return Found((card,)) if card else Found(problem="unknown")


async def _alarm(db: Database, who: Principal, now: datetime) -> None:
    """Nobody ever got such a number: whoever tries one is guessing."""
    log.warning("a reserved card number was tried by %s:%s of business %s", who.kind, who.id, who.business_id)
    await write_transaction(db, lambda tx: audit.record(tx, who, "card.reserved_tried", now=now))


async def cards_of_customer(reader: Database | Transaction, business_id: int, customer_id: int,
                            program_id: int | None = None) -> list[Card]:
    return await store.of_customer(reader, business_id, customer_id, program_id)


async def list_cards(db: Database, business_id: int, *, status: str | None = None, before: int | None = None,
                     limit: int = 50) -> list[Card]:
    """Newest first; `before`: the id of the last card of the page before."""
    return await store.list_cards(db, business_id, status, before, limit)


async def count(db: Database, business_id: int) -> dict[str, int]:
    """How many cards stand in each status."""
    return await store.count(db, business_id)


async def count_by_program(db: Database, business_id: int) -> dict[int, int]:
    """How many cards each programme has that are active, blocked or waiting."""
    return await store.count_by_program(db, business_id)


async def provisional_before(db: Database, now: datetime, limit: int = 100) -> list[Card]:
    """Provisional cards whose thirty days are over, of every business."""
    return await store.provisional_before(db, to_ms(now), limit)


async def activate(tx: Transaction, who: Principal, card: Card, now: datetime) -> bool:
    """A provisional card becomes active; False where it was not provisional any more."""
    if not await store.activate(tx, card.id, to_ms(now)):
        return False
    await _changed(tx, card, "card.activated", now)
    return True


async def end(tx: Transaction, card: Card, status: str, now: datetime) -> bool:
    """A live card ends as `expired` or `erased`; its pass is voided and its page's links die. False where it had ended already."""
    assert status in ("expired", "erased")
    if not await store.set_status(tx, card.id, rules.LIVE, status):
        return False
    await store.revoke_links(tx, card.id, to_ms(now))
    await rotation_store.forget(tx, card.business_id, card.id)
    await _changed(tx, card, f"card.{status}", now)
    return True


async def erase(tx: Transaction, card: Card, now: datetime) -> None:
    """A card of somebody who is forgotten, one that has ended included: its pass is void and its page's links die, for good."""
    await store.set_status(tx, card.id, (*rules.LIVE, "replaced", "expired"), "erased")
    await store.revoke_links(tx, card.id, to_ms(now))
    await rotation_store.forget(tx, card.business_id, card.id)
    await _changed(tx, card, "card.erased", now)


async def block(db: Database, who: Principal, card_id: int, key: Key | None, now: datetime) -> Card:
    """The card earns and spends nothing, its pass is voided until it is unblocked. Raises CardBlocked, CardEnded."""
    async def act(tx: Transaction, card: Card) -> Card:
        rules.check_can_change(card, allow=("active", "provisional"))
        await store.set_status(tx, card.id, (card.status,), "blocked", to_ms(now))
        await _changed(tx, card, "card.blocked", now)
        return await get_card(tx, who.business_id, card.id)

    return await _once(db, who, card_id, key, "card.block", act, now)


async def unblock(db: Database, who: Principal, card_id: int, key: Key | None, now: datetime) -> Card:
    """Back to what it was before. Raises CardNotBlocked."""
    async def act(tx: Transaction, card: Card) -> Card:
        if card.status != "blocked":
            raise CardNotBlocked()
        await store.set_status(tx, card.id, ("blocked",), "active" if card.activated_at else "provisional")
        await _changed(tx, card, "card.unblocked", now)
        return await get_card(tx, who.business_id, card.id)

    return await _once(db, who, card_id, key, "card.unblock", act, now)


async def reissue(db: Database, who: Principal, card_id: int, key: Key | None, now: datetime) -> Card:
    """A new barcode code; the old one stops working at once and is never given out again. Raises CardEnded."""
    code = rules.draw_code()

    async def act(tx: Transaction, card: Card) -> Card:
        if card.status not in rules.LIVE:
            raise CardEnded()
        await store.set_code(tx, card, code, to_ms(now))
        await _changed(tx, card, "card.reissued", now)
        return await get_card(tx, who.business_id, card.id)

    return await _once(db, who, card_id, key, "card.reissue", act, now)


async def replace(db: Database, who: Principal, card_id: int, key: Key | None, prefix: str, now: datetime, *,
                  allow: tuple[str, ...] = ("active", "blocked")) -> Card:
    """A new card on the same account: new number, code and links; the old pass is voided. No points move.

    prefix: the programme's three digits; allow: the statuses that can be replaced. Raises CardBlocked, CardProvisional, CardEnded.
    """
    numbers = IssuedNumbers.draw(prefix)

    async def act(tx: Transaction, card: Card) -> Card:
        rules.check_can_change(card, allow=allow)
        new_id = await store.append(tx, {
            "business_id": card.business_id, "program_id": card.program_id, "account_id": card.account_id, "number": numbers.number,
            "code": numbers.code, "status": "active", "source": card.source, "issued_by_kind": who.kind, "issued_by_id": who.id,
            "location_id": who.location_id, "created_at": to_ms(now), "activated_at": to_ms(now), "provisional_until": None})
        await store.set_replaced(tx, card.id, new_id)
        await store.revoke_links(tx, card.id, to_ms(now))
        await rotation_store.forget(tx, card.business_id, card.id)
        await _changed(tx, card, "card.replaced", now)
        await updates.append(tx, card.business_id, new_id, now)
        await updates.emit(tx, card.business_id, "card.created", now, card_id=new_id)
        return await get_card(tx, who.business_id, new_id)

    return await _once(db, who, card_id, key, "card.replace", act, now)


async def has_aliases(reader: Database | Transaction, business_id: int) -> bool:
    """Whether cards of another system are known here by their old numbers."""
    return await store.has_aliases(reader, business_id)


async def add_alias(tx: Transaction, card: Card, value: str, now: datetime) -> None:
    """An old plastic card's number, found exactly as it is scanned. Raises AliasTaken."""
    if not await store.append_alias(tx, card.business_id, value.strip(), card.id, to_ms(now)):
        raise AliasTaken()


async def _changed(tx: Transaction, card: Card, event: str, now: datetime) -> None:
    await updates.append(tx, card.business_id, card.id, now)
    await updates.emit(tx, card.business_id, event, now, card_id=card.id)


async def _once(db: Database, who: Principal, card_id: int, key: Key | None, action: str,
                act: Callable[[Transaction, Card], Awaitable[Card]], now: datetime) -> Card:
    """Runs `act(tx, card)` once per idempotency key, with its audit row; a repeat gives the card as it was answered then."""
    async def whole(tx: Transaction) -> Card:
        if kept := await idempotency.claim(tx, who.business_id, key, now):
            card = await get_card(tx, who.business_id, kept.answer["card"])
            return dataclasses.replace(card, status=kept.answer["status"], code=kept.answer["code"])
        card = await get_card(tx, who.business_id, card_id)
        # A sale that read the card as good must not commit behind the block.
        await ledger.lock(tx, who.business_id, [card.account_id])
        made = await act(tx, await get_card(tx, who.business_id, card_id))
        await audit.record(tx, who, action, "card", card.id, {"to": made.id} if made.id != card.id else None, now=now)
        await idempotency.keep(tx, who.business_id, key, 200, {
            "card": made.id, "status": made.status, "code": made.code,
            "balances": (await ledger.shown(tx, made.account_id, now)).available})
        return made

    return await write_transaction(db, whole)


async def find_page_link(reader: Database | Transaction, ring: KeyRing, card: Card, strength: str) -> str | None:
    """The token of the card's page, or None where it has none of this strength (card or pass)."""
    assert strength in ("card", "pass")
    link = await store.live_link(reader, card.id, strength)
    return ring.open_text(LINK_PURPOSE, link["token_sealed"]) if link is not None else None


async def page_link(tx: Transaction, ring: KeyRing, card: Card, strength: str, now: datetime) -> str:
    """The token of the card's page, the same one each time; made where there is none. strength: card or pass."""
    known = await find_page_link(tx, ring, card, strength)
    if known is not None:
        return known
    token = secrets.new_token(TOKEN_LENGTH)
    await store.append_link(tx, {
        "business_id": card.business_id, "card_id": card.id, "strength": strength, "token_hash": ring.lookup_hash(LINK_PURPOSE, token),
        "token_sealed": ring.seal_text(LINK_PURPOSE, token), "created_at": to_ms(now)})
    return token


async def card_by_token(db: Database, ring: KeyRing, token: str) -> tuple[Card, str] | None:
    """The card behind a page's token, and how strong the link is; None for whatever was never made or is revoked."""
    if not secrets.is_token(token, TOKEN_LENGTH):
        return None
    return await store.by_link(db, ring.lookup_hash(LINK_PURPOSE, token))


async def revoke_links(db: Database, who: Principal, card: Card, now: datetime) -> None:
    """Every page address of the card dies; a new one is made when it is asked for."""
    async def act(tx: Transaction) -> None:
        await store.revoke_links(tx, card.id, to_ms(now))
        await audit.record(tx, who, "card.links_revoked", "card", card.id, now=now)

    await write_transaction(db, act)


async def rename_customer(tx: Transaction, ring: KeyRing, who: Principal, customer_id: int, name: str | None, now: datetime) -> None:
    """A new name, or none; every card of theirs shows it. Raises Invalid (field `name`) and NotFound."""
    await customers.rename(tx, ring, who, customer_id, name)
    for card in await store.of_customer(tx, who.business_id, customer_id):
        if card.status in rules.LIVE:
            await updates.append(tx, who.business_id, card.id, now)


async def forget_cardless(tx: Transaction, business_id: int, customer_id: int | None, now: datetime) -> None:
    """Erases a person who is left without a card, after an enrolment that came to nothing."""
    if customer_id is None:
        return
    if not any(card.status in rules.LIVE for card in await store.of_customer(tx, business_id, customer_id)):
        await customers.erase(tx, business_id, customer_id, now)
