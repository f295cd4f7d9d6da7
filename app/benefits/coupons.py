"""Printed coupons: an address that nobody can make up, what stands behind it, and its one use, at a counter or for a card.

The address ends in the public id of the code and 80 bits of HMAC-SHA-256 over it. The key is the database's own look-up key, one
purpose's share of it: paper outlives a change of the key ring. A wrong signature is refused before anything is looked up.
"""
from datetime import datetime

import msgspec

from app.audit import service as audit
from app.benefits import promo, promo_store, rules, service
from app.benefits.promo_store import Reader
from app.benefits.rewards import get_reward, take
from app.benefits.rules import Batch, CodeOfAnotherProgram, Reward, UnknownCode, Voucher
from app.cards.service import Card
from app.clock import from_ms
from app.db import Database, Transaction, write_transaction
from app.errors import Refused
from app.ids import ALPHABET, PublicIds
from app.programs import service as programs
from app.secrets import KeyRing, same
from app.settings import Settings
from app.text import N_
from app.web.principal import Principal, shopper

KIND, PURPOSE = "coupon", "benefits.coupon"
SIGNATURE_BYTES, SIGNATURE_LETTERS, ID_LETTERS = 10, 16, 13


CLAIMED = "claimed_coupons"        # channel: coupons wait for what their rules give


class NeedsCard(Refused):
    """A gift that is a code of its own goes to a holder who can look at it again."""

    code, detail = "coupon_needs_card", N_("This gift is a code of its own. Put the coupon on a card, there the code can be read.")


class NeedsPurchase(Refused):
    code, detail = "coupon_needs_purchase", N_("This coupon counts with a purchase. Show it at the till together with the card.")


class Coupon(msgspec.Struct, frozen=True):
    """What a coupon's page shows. state: open | announced | ended | used_up | used; used_at, location_id: of the use, where known."""

    code_id: int
    code: str
    batch: Batch
    reward: Reward | None
    state: str
    used_at: datetime | None = None
    location_id: int | None = None
    is_on_card: bool = False


def token_of(ring: KeyRing, ids: PublicIds, code_id: int) -> str:
    """29 letters: the code's public id without its prefix, and the signature."""
    letters = ids.encode(KIND, code_id).partition("_")[2]
    return letters + _signature(ring, letters)


def address_of(settings: Settings, ring: KeyRing, ids: PublicIds, code_id: int) -> str:
    """What the QR code says, on the short host where there is one."""
    return settings.link(f"/k/{token_of(ring, ids, code_id)}")


def code_id_of(ring: KeyRing, ids: PublicIds, token: str) -> int | None:
    """The row that a token names, None for one that we never signed. Needs no database: a till without network can tell too."""
    letters, signature = token[:ID_LETTERS], token[ID_LETTERS:]
    if len(signature) != SIGNATURE_LETTERS or not token.isascii() or not same(signature, _signature(ring, letters)):
        return None
    return ids.decode(KIND, f"cpn_{letters}")


def _signature(ring: KeyRing, letters: str) -> str:
    number = int.from_bytes(ring.lookup_hash(PURPOSE, letters)[:SIGNATURE_BYTES], "big")
    return "".join([ALPHABET[number >> shift & 31] for shift in range(75, -1, -5)])


async def find(reader: Reader, code_id: int, now: datetime) -> Coupon | None:
    """The coupon as it stands now; None where its batch is gone or holds no coupons. For ids that a signature vouches for."""
    row = await promo_store.code_by_id(reader, code_id)
    if row is None or row["kind"] != KIND:
        return None
    batch = await promo_store.batch_of(reader, row["business_id"], row["batch_id"])
    assert batch is not None
    reward = await get_reward(reader, batch.business_id, batch.program_id, batch.reward) if batch.reward else None
    used = await promo_store.last_use(reader, batch.business_id, code_id) if row["code_used"] else None
    if used is not None:
        return Coupon(code_id, row["code"], batch, reward, "used", from_ms(used["at"]), used["location_id"], used["account_id"] is not None)
    state = batch.state(now)
    return Coupon(code_id, row["code"], batch, reward, "ended" if state == "closed" else state)


async def redeem(db: Database, who: Principal, code_id: int, now: datetime) -> None:
    """A cashier takes a coupon from whoever shows it, without a card; who and where is kept.

    Raises UnknownCode (also for another business's), CodeNotYet, CodeEnded, CodeUsedUp, OutOfStock, NeedsCard; then nothing was done.
    """
    async def act(tx: Transaction) -> None:
        found = await promo.find_by_id(tx, code_id, None, now)
        if found.business_id != who.business_id or found.kind != KIND:
            raise UnknownCode()
        await promo.claim_promo(tx, found, None, None, who, now)
        if found.reward is not None:
            reward = await get_reward(tx, found.business_id, found.program_id, found.reward)
            if reward.has_pieces:
                raise NeedsCard()
            await take(tx, reward, closed_too=True)
        await audit.record(tx, who, "coupon.redeemed", "promo_code", code_id, {"batch": found.batch, "location": who.location_id}, now=now)

    await write_transaction(db, act)


async def put_on_card(db: Database, card: Card, code_id: int, now: datetime) -> Voucher | None:
    """A shopper takes a coupon to their card, where it becomes a voucher for its reward.

    A coupon without one proves that something was done: rules of the event that is named like its batch give what they give, within
    seconds (`sales.occasions`); then None.

    Raises UnknownCode, CodeOfAnotherProgram, CodeNotYet, CodeEnded, CodeUsedUp, CodeUsedByYou, OutOfStock, NeedsPurchase.
    """
    who, [code] = shopper(card.business_id, card.customer_id), service.draw_codes(1)

    async def act(tx: Transaction) -> Voucher | None:
        found = await promo.find_by_id(tx, code_id, card.account_id, now)
        if found.business_id != card.business_id:
            raise UnknownCode()
        if found.program_id != card.program_id:
            raise CodeOfAnotherProgram()
        program = await programs.get_program(tx, card.business_id, card.program_id)
        if found.reward is None and all(rule.when.event != found.batch for rule in program.rules.rules):
            raise NeedsPurchase()
        await promo.claim_promo(tx, found, card.account_id, None, who, now)
        await audit.record(tx, who, "coupon.put_on_card", "card", card.id, {"batch": found.batch}, now=now)
        if found.reward is None:
            tx.notify(CLAIMED)
            return None
        voucher = await service.issue(tx, who, program, card.account_id, [found.reward], "coupon", None, now, code=code,
                                      closed_too=True)
        await service.touch(tx, card.business_id, card.account_id, now)
        return voucher

    return await write_transaction(db, act)


async def id_of_code(reader: Reader, business_id: int, code: str) -> int:
    """The row of a coupon's code as it was typed from the paper. Raises UnknownCode."""
    row = await promo_store.find_code(reader, business_id, rules.fold(code))
    if row is None or row["kind"] != KIND:
        raise UnknownCode()
    return int(row["code_id"])
