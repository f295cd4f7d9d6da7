"""The catalogue: what a programme's vouchers, codes and points can become. Only ever closed, never deleted: vouchers name it."""
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from app.audit import service as audit
from app.benefits import rules, store, vouchers_store
from app.benefits.rules import KeyTaken, LevelNeeded, OutOfStock, Reward, RewardClosed, RewardWish, StockMoved
from app.benefits.store import Reader
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Invalid, NotFound
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.secrets import KeyRing
from app.text import N_
from app.updates import spreads
from app.web.principal import Principal

PIECE = "benefits.reward_code"


async def list_rewards(reader: Reader, business_id: int, program_id: int, *, open_only: bool = True) -> list[Reward]:
    """In the catalogue's order; without `open_only` the closed ones too."""
    found = await store.list_rewards(reader, business_id, program_id)
    return [reward for reward in found if not (open_only and reward.is_closed)]


def is_for_sale(reward: Reward, held: int, level: str | None, what: ProgramRules) -> bool:
    """Whether a card on `level` can buy it now. held: what the card has of the reward's unit."""
    if reward.unit is None or reward.is_closed or reward.stock == 0 or held < reward.cost:
        return False
    try:
        rules.check_level(reward, level, what)
    except LevelNeeded:
        return False
    return True


async def get_reward(reader: Reader, business_id: int, program_id: int, key: str) -> Reward:
    """Also a closed one. Raises NotFound."""
    reward = await store.find(reader, business_id, program_id, key)
    if reward is None:
        raise NotFound()
    return reward


async def count_open(reader: Reader, business_id: int, program_id: int) -> dict[str, int]:
    """Reward key → how many open vouchers may become it."""
    return await vouchers_store.count_open(reader, business_id, program_id)


async def create_reward(db: Database, who: Principal, program_id: int, wish: RewardWish, now: datetime) -> Reward:
    """Raises Invalid, KeyTaken."""
    async def act(tx: Transaction) -> Reward:
        return await add(tx, who, program_id, wish, now)

    return await write_transaction(db, act)


async def add(tx: Transaction, who: Principal, program_id: int, wish: RewardWish, now: datetime) -> Reward:
    """`create_reward` inside the caller's transaction: a new programme brings those that its rules name."""
    program = await programs.get_program(tx, who.business_id, program_id)
    rules.check_reward(wish, program.rules)
    row = {**_row(wish), "business_id": who.business_id, "program_id": program_id, "key": wish.key, "stock": wish.stock,
           "created_at": to_ms(now)}
    reward_id = await store.insert(tx, row)
    if reward_id is None:
        raise KeyTaken()
    await spreads.begin(tx, who.business_id, program_id, now)
    await audit.record(tx, who, "reward.created", "reward", reward_id, {"key": wish.key, "kind": wish.kind}, now=now)
    return await get_reward(tx, who.business_id, program_id, wish.key)


async def change_reward(db: Database, who: Principal, program_id: int, wish: RewardWish, now: datetime, *, stock_was: int | None) -> Reward:
    """The reward `wish.key` as it shall be. stock_was: the stock that the asker saw; where tills took some of it meanwhile and another
    number is asked for, StockMoved. The stock of a reward that comes piece by piece follows its codes. Raises Invalid, NotFound."""
    async def act(tx: Transaction) -> Reward:
        program = await programs.get_program(tx, who.business_id, program_id)
        reward = await get_reward(tx, who.business_id, program_id, wish.key)
        rules.check_reward(wish, program.rules)
        await store.update(tx, reward.id, who.business_id, _row(wish))
        if not reward.has_pieces and wish.stock != stock_was \
                and not await store.set_stock(tx, who.business_id, reward.id, stock_was, wish.stock):
            raise StockMoved()
        await spreads.begin(tx, who.business_id, program_id, now)
        await audit.record(tx, who, "reward.changed", "reward", reward.id, {"key": wish.key}, now=now)
        return await get_reward(tx, who.business_id, program_id, wish.key)

    return await write_transaction(db, act)


async def close_reward(db: Database, who: Principal, program_id: int, key: str, now: datetime, *, closed: bool = True) -> None:
    """Closed, it is not given or sold any more, and vouchers for it stay good; it can be opened again. Raises NotFound."""
    async def act(tx: Transaction) -> None:
        reward = await get_reward(tx, who.business_id, program_id, key)
        if reward.is_closed != closed:
            await store.set_closed(tx, who.business_id, reward.id, to_ms(now) if closed else None)
            await spreads.begin(tx, who.business_id, program_id, now)
            await audit.record(tx, who, "reward.closed" if closed else "reward.opened", "reward", reward.id, {"key": key}, now=now)

    await write_transaction(db, act)


async def add_pieces(db: Database, ring: KeyRing, who: Principal, program_id: int, key: str, texts: Sequence[str], now: datetime) -> Reward:
    """More codes (tickets, a partner's codes: rules.pieces) that are handed out once each with a voucher; they are the stock from then on.

    Raises NotFound, and Invalid where the kind of reward shows nothing of them."""
    sealed = [ring.seal_text(PIECE, text, _context(who.business_id)) for text in texts]

    async def act(tx: Transaction) -> Reward:
        reward = await get_reward(tx, who.business_id, program_id, key)
        if reward.kind in ("discount", "money_off"):
            raise Invalid(fields=[FieldError("pieces", "kind", N_("A discount needs no codes of its own."))])
        await store.append_pieces(tx, who.business_id, reward.id, sealed)
        await audit.record(tx, who, "reward.codes_added", "reward", reward.id, {"key": key, "count": len(sealed)}, now=now)
        return await get_reward(tx, who.business_id, program_id, key)

    return await write_transaction(db, act)


async def pieces_of(reader: Reader, ring: KeyRing, business_id: int, account_id: int) -> dict[int, str]:
    """Voucher id → the code that its holder was handed; only for the holder's eyes and a till's."""
    rows = await store.pieces_of_account(reader, business_id, account_id)
    return {row["voucher_id"]: ring.open_text(PIECE, bytes(row["code_sealed"]), _context(business_id)) for row in rows}


async def take(tx: Transaction, reward: Reward, *, closed_too: bool = False) -> None:
    """One piece of the reward's stock, where it counts it. closed_too: for a voucher that was given before it was closed.

    Raises RewardClosed, OutOfStock: another till may have had the last."""
    if reward.is_closed and not closed_too:
        raise RewardClosed()
    # A reward without a stock is not written: a row that every till of a chain must lock would hold them all up.
    if reward.stock is not None and not await store.take(tx, reward.business_id, reward.id):
        raise OutOfStock()


async def hand_out(tx: Transaction, reward: Reward, voucher_id: int) -> None:
    """The next code of a reward that comes piece by piece goes to a voucher, which keeps it. Raises OutOfStock."""
    if not reward.has_pieces or await store.piece_of(tx, reward.business_id, reward.id, voucher_id) is not None:
        return
    if not await store.hand_out_piece(tx, reward.business_id, reward.id, voucher_id):
        raise OutOfStock()


async def put_back(tx: Transaction, business_id: int, program_id: int, key: str) -> None:
    """One piece more, where the stock is counted. A code that its holder saw is not given to anybody else, so those do not come back."""
    await store.put_back(tx, business_id, program_id, key)


def _context(business_id: int) -> bytes:
    return str(business_id).encode()


def _row(wish: RewardWish) -> Mapping[str, Any]:
    names = {"en": wish.names.en.strip(), "ru": wish.names.ru.strip()}
    return {"kind": wish.kind, "names": msgspec.json.encode(names).decode(), "unit": wish.unit, "cost": wish.cost if wish.unit else 0,
            "value": wish.value, "sku": (wish.sku or "").strip() or None, "days": wish.days, "level": wish.level, "position": wish.position}
