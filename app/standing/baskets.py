"""What a shopper buys, which product they chose as their favourite, and the basket of offers made for them."""
import functools
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from app.audit import service as audit
from app.cards import service as cards
from app.cards.rules import CardEnded
from app.clock import from_ms, local_day, midnight_after, to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Forbidden, Invalid, Refused
from app.ledger import service as ledger
from app.ledger import store as ledger_store
from app.programs import service as programs
from app.standing import baskets_store, offers, uses_store
from app.standing.baskets_store import Round
from app.standing.store import Reader
from app.text import N_
from app.updates import service as updates
from app.web.principal import Principal

ACTIVE = timedelta(days=90)         # who bought nothing for longer is offered nothing
CHUNK = 50
SKU_MOST, NAME_MOST = 100, 200
OFFERS_RENEWED, FAVOURITE_CHOSEN = "offers.renewed", "favourite.chosen"


class NoFavourites(Refused):
    code, detail = "no_favourites", N_("This programme has no favourite products.")


class ChosenAlready(Refused):
    code, detail = "favourite_chosen_already", N_("Another product can be chosen from %(day)s on.")


class BoughtLine(Protocol):
    """A line of a receipt, seen from here: sales.judgement.Line."""

    @property
    def sku(self) -> str | None: ...
    @property
    def name(self) -> str | None: ...
    @property
    def category(self) -> str | None: ...


class Favourite(NamedTuple):
    """What a shopper chose. name: None where the product has none any more; until: when it ends; again: when another may be chosen."""

    sku: str
    name: str | None
    until: datetime
    again: datetime


class Offer(NamedTuple):
    """A product of a basket. why: frequent | new."""

    sku: str
    name: str | None
    discount_bp: int
    why: str
    starts_at: datetime
    ends_at: datetime


class Product(NamedTuple):
    sku: str
    name: str
    category: str | None
    can_be_favourite: bool
    added_at: datetime


# Goods.
async def remember_lines(tx: Transaction, program: programs.Program, account_id: int, lines: Iterable[BoughtLine], at: datetime) -> None:
    """Note what a locked account bought, once a receipt for each product; only where favourites or offers need it."""
    if program.rules.offers is None and program.rules.favourite is None:
        return
    named = {line.sku: line for line in lines if line.sku}
    skus = sorted(named)                 # in one order everywhere, so that two sales never wait for each other
    if not skus:
        return
    known = await uses_store.known_products(tx, program.business_id, skus)
    if new := [named[sku] for sku in skus if sku not in known]:
        await uses_store.insert_products(tx, [
            {"business_id": program.business_id, "sku": line.sku, "name": line.name or line.sku, "category": line.category,
             "added_at": to_ms(at)} for line in new])
    await uses_store.add_bought(tx, program.business_id, account_id, skus, to_ms(at))
    if program.rules.offers is not None:
        await baskets_store.begin_round(tx, Round(account_id, program.business_id, program.id), to_ms(at))


async def forget_lines(tx: Transaction, program: programs.Program, account_id: int, lines: Iterable[BoughtLine]) -> None:
    """A purchase that was undone, or refunded whole, says nothing about what the shopper likes."""
    if program.rules.offers is not None or program.rules.favourite is not None:
        await uses_store.take_bought(tx, program.business_id, account_id, sorted({line.sku for line in lines if line.sku}))


async def list_products(reader: Reader, business_id: int, *, only_favourites: bool = False, after: str = "",
                        limit: int = 200) -> list[Product]:
    """Goods as tills named them or a manager wrote them, by sku."""
    rows = await uses_store.list_products(reader, business_id, only_favourites, after, limit)
    return [Product(row[0], row[1], row[2], bool(row[3]), from_ms(row[4])) for row in rows]


async def set_product(db: Database, who: Principal, sku: str, name: str, category: str | None, can_be_favourite: bool,
                      now: datetime) -> None:
    """Name a product and say whether it can be chosen. Raises Forbidden, Invalid (fields sku, name)."""
    if not who.may("manager"):
        raise Forbidden()
    wrong = [FieldError(field, "text", N_("Type a text that is not empty and not too long."))
             for field, text, most in (("sku", sku, SKU_MOST), ("name", name, NAME_MOST)) if not 1 <= len(text.strip()) <= most]
    if wrong:
        raise Invalid(fields=wrong)

    async def act(tx: Transaction) -> None:
        await uses_store.set_product(tx, who.business_id, sku.strip(), name.strip(), category, can_be_favourite, to_ms(now))
        await audit.record(tx, who, "product.set", "product", None, {"sku": sku.strip(), "can_be_favourite": can_be_favourite}, now=now)

    await write_transaction(db, act)


# The favourite.
async def favourite_of(reader: Reader, program: programs.Program, account_id: int, now: datetime) -> Favourite | None:
    """The product that holds now; None where none was chosen, its time is over, or the programme has none."""
    row = await baskets_store.newest_favourite(reader, program.business_id, account_id)
    if row is None or program.rules.favourite is None or row["until_at"] <= to_ms(now):
        return None
    return Favourite(row["sku"], row["name"], from_ms(row["until_at"]), _again(program, from_ms(row["at"])))


async def choose_favourite(db: Database, who: Principal, card_id: int, sku: str, now: datetime) -> Favourite:
    """The shopper's choice among the products that can be one; the same one again is no new choice.

    Raises NotFound, CardEnded, NoFavourites, Invalid (field sku), ChosenAlready until another may be chosen.
    """
    async def act(tx: Transaction) -> Favourite:
        card = await cards.get_card(tx, who.business_id, card_id)
        if card.status not in ledger.LIVE:
            raise CardEnded()
        await ledger.lock(tx, who.business_id, [card.account_id])
        program = await programs.get_program(tx, who.business_id, card.program_id)
        if program.rules.favourite is None:
            raise NoFavourites()
        product = await uses_store.find_product(tx, who.business_id, sku)
        if product is None or not product["can_be_favourite"]:
            raise Invalid(fields=[FieldError("sku", "unknown", N_("Choose one of the products that are offered here."))])
        held = await favourite_of(tx, program, card.account_id, now)
        if held is not None and held.sku == sku:
            return held
        newest = await baskets_store.newest_favourite(tx, who.business_id, card.account_id)
        if newest is not None and (again := _again(program, from_ms(newest["at"]))) > now:
            raise ChosenAlready(params={"day": local_day(again, program.time_zone).isoformat()})
        await _keep_favourite(tx, who, program, card.id, card.account_id, sku, now)
        chosen = await favourite_of(tx, program, card.account_id, now)
        assert chosen is not None
        return chosen

    return await write_transaction(db, act)


async def _keep_favourite(tx: Transaction, who: Principal, program: programs.Program, card_id: int, account_id: int, sku: str,
                          now: datetime) -> None:
    assert program.rules.favourite is not None
    until = midnight_after(local_day(now, program.time_zone) + timedelta(days=program.rules.favourite.days), program.time_zone)
    await baskets_store.insert_favourite(tx, {
        "business_id": who.business_id, "account_id": account_id, "sku": sku, "at": to_ms(now), "until_at": to_ms(until)})
    await _touch(tx, who.business_id, account_id, now)
    await updates.emit(tx, who.business_id, FAVOURITE_CHOSEN, now, card_id=card_id, details={"sku": sku})
    await audit.record(tx, who, "card.favourite_chosen", "card", card_id, now=now)


def _again(program: programs.Program, at: datetime) -> datetime:
    """The first moment of the local day on which another may be chosen after a choice of `at`."""
    assert program.rules.favourite is not None
    last = local_day(at, program.time_zone) + timedelta(days=program.rules.favourite.again_days - 1)
    return midnight_after(last, program.time_zone)


# The basket of offers.
async def offers_of(reader: Reader, account_id: int, now: datetime) -> list[Offer]:
    """The basket of now: what is bought often first, then what is new."""
    return [Offer(row["sku"], row["name"], row["discount_bp"], row["why"], from_ms(row["starts_at"]), from_ms(row["ends_at"]))
            for row in await baskets_store.offers_at(reader, account_id, to_ms(now))]


async def renew_offers(db: Database, now: datetime) -> int:
    """The next basket for each account whose last one ended, an account a transaction; returns how many were made."""
    made = 0
    while due := await baskets_store.due_rounds(db, to_ms(now), CHUNK):
        for one in due:
            made += await write_transaction(db, functools.partial(_renew, one, now))
    return made


async def _renew(one: Round, now: datetime, tx: Transaction) -> bool:
    """Whether a basket was made; where not, its time is moved or the account waits for its next purchase."""
    await ledger.lock(tx, one.business_id, [one.account_id])
    program = await programs.get_program(tx, one.business_id, one.program_id)
    asked, now_ms = program.rules.offers, to_ms(now)
    before, ends_at = await baskets_store.last_basket(tx, one.business_id, one.account_id)
    if ends_at > now_ms:
        await baskets_store.move_round(tx, one.account_id, ends_at)
        return False
    often = await baskets_store.often_bought(tx, one.business_id, one.account_id, to_ms(now - ACTIVE))
    shown = await _live_cards(tx, one.business_id, one.account_id)
    if asked is None or not often or not shown or program.closed_at is not None:
        await baskets_store.end_round(tx, one.account_id)
        return False
    # Twice as many, because those of the basket before come last.
    fresh = await baskets_store.never_bought(tx, one.business_id, one.account_id, 2 * asked.count)
    ends = to_ms(midnight_after(local_day(now, program.time_zone) + timedelta(days=asked.days), program.time_zone))
    await baskets_store.insert_offers(tx, one.business_id, one.account_id, offers.choose(asked, often, fresh, before), asked.discount_bp,
                                      now_ms, ends)
    await baskets_store.move_round(tx, one.account_id, ends)
    await _touch(tx, one.business_id, one.account_id, now)
    await updates.emit(tx, one.business_id, OFFERS_RENEWED, now, card_id=shown[0])
    return True


async def _live_cards(reader: Reader, business_id: int, account_id: int) -> list[int]:
    return [card["id"] for card in await ledger_store.cards_of(reader, business_id, account_id) if card["status"] in ledger.LIVE]


async def _touch(tx: Transaction, business_id: int, account_id: int, now: datetime) -> None:
    for card_id in await _live_cards(tx, business_id, account_id):
        await updates.append(tx, business_id, card_id, now)
