"""What tests of this room share: a bed with its programme, rewards and vouchers made in one line."""
from app.benefits import promo
from app.benefits import rewards as catalogue
from app.benefits import service as benefits
from app.benefits.rules import Batch, RewardWish, Terms, Voucher
from app.db import write_transaction
from app.programs import service as programs
from app.programs.terms import Said
from tests.money import NOON, Bed


async def add_reward(bed: Bed, key="coffee", **fields):
    return await catalogue.create_reward(bed.db, bed.manager, bed.program_id,
                                         RewardWish(key, fields.pop("kind", "service"), Said(key.title(), key.upper()), **fields), NOON)


async def give(bed: Bed, *rewards, account_id=None, operation_id=None, now=NOON, code=None, **fields) -> Voucher:
    program = await programs.get_program(bed.db, bed.business_id, bed.program_id)
    code = code or benefits.draw_codes(1)[0]

    async def act(tx):
        return await benefits.issue(tx, bed.manager, program, account_id or bed.account_id, rewards, "birthday", operation_id, now,
                                    code=code, **fields)

    return await write_transaction(bed.db, act)


async def use(bed: Bed, voucher: Voucher, reward=None, *, account_id=None, operation_id=None, now=NOON):
    async def act(tx):
        return await benefits.use(tx, bed.business_id, voucher.id, account_id or bed.account_id, reward, operation_id, now)

    return await write_transaction(bed.db, act)


async def add_batch(bed: Bed, *codes, key="summer", count=None, now=NOON, **terms) -> Batch:
    return await promo.create_batch(bed.db, bed.manager, bed.program_id, Terms(key, key.title(), **terms), codes, now, count=count)


async def claim(bed: Bed, code, *, account_id=None, operation_id=None, now=NOON):
    """Looks the code up and uses it in one act, as a sale does."""
    account_id = account_id or bed.account_id

    async def act(tx):
        found = await promo.find_promo(tx, bed.business_id, bed.program_id, code, account_id, now)
        await promo.claim_promo(tx, found, account_id, operation_id, bed.cashier(), now)
        return found

    return await write_transaction(bed.db, act)


async def operation(bed: Bed) -> int:
    """A row that vouchers and codes can point at."""
    return await bed.db.fetch_val(
        "INSERT INTO operations(business_id, acting_business_id, program_id, account_id, card_id, kind, at, recorded_at, rules_version, "
        "actor_kind) VALUES (:business, :business, :program, :account, :card, 'sale', 1, 1, 1, 'system') RETURNING id",
        {"business": bed.business_id, "program": bed.program_id, "account": bed.account_id, "card": bed.card_id})
