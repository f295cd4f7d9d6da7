"""A reward bought from the catalogue for what the card holds: it becomes a voucher. And a voucher handed over without a purchase."""
from datetime import datetime

from app.benefits import service as benefits
from app.benefits.rules import VoucherElsewhere, chosen
from app.cards import rotation
from app.cards.rules import check_can_change
from app.clock import to_ms
from app.db import Database, Transaction
from app.errors import NotFound, Refused
from app.idempotency.rules import Key
from app.ledger import service as ledger
from app.ledger.operations import Draft, Operation
from app.sales import acts
from app.sales.acts import Outcome
from app.sales.case import check_open, check_spends
from app.sales.judging import NotEnough
from app.sales.recording import Codes
from app.standing import service as standings
from app.text import N_
from app.web.principal import Principal


class NeedsReceipt(Refused):
    code, detail = "needs_receipt", N_("This takes something off a purchase. Use it with one.")


async def claim(db: Database, who: Principal, card_id: int, reward_key: str, key: Key | None, now: datetime) -> Outcome:
    """`who` may be the shopper. The voucher is the one that the operation issued (benefits: `issued_by`); an undo or refund of the
    operation voids it and gives the cost back.

    Raises NotFound (no such reward, or not for sale), CardBlocked, CardProvisional, CardEnded, ProgramClosed, LevelNeeded, NotEnough,
    OutOfStock, RewardClosed, OnlyEarns, LiveCodeNeeded.
    """
    codes = Codes()

    async def act(tx: Transaction) -> Operation:
        codes.begin()
        card, program = await acts.open_card(tx, who, card_id)
        await acts.check_not_own(tx, who, card)
        check_can_change(card, allow=("active",))
        check_open(program, now)
        await check_spends(tx, who)
        await rotation.check_presented(tx, who, card, program, now)
        reward = await benefits.get_reward(tx, who.business_id, program.id, reward_key)
        if reward.unit is None:
            raise NotFound()
        benefits.check_level(reward, (await standings.standing_of(tx, program, program.rules, card, now, now)).level, program.rules)
        purses = await ledger.purses_of(tx, card.account_id, now, now, tuple(dict.fromkeys((program.rules.unit, reward.unit))))
        await ledger.settle(tx, who, purses, program, card.account_id, card.id, now)
        purse = purses[reward.unit]
        if reward.cost > purse.spendable:
            raise NotEnough(params={"available": purse.spendable, "needed": reward.cost}, extra={"unit": reward.unit})
        if reward.cost:
            purse.spend(reward.cost)
        draft = Draft("claim", program.id, card.account_id, card.id, to_ms(now), program.rules_version, who.location_id,
                      texts={"reward": reward.key})
        operation = await ledger.post(tx, who, draft, purses, now)
        await benefits.issue(tx, who, program, card.account_id, (reward.key,), "catalogue", operation.id, now, code=codes.next())
        return operation

    return await acts.once_not_own(db, who, key, act, now)


async def hand_over(db: Database, who: Principal, card_id: int, voucher_id: int, reward_key: str | None, key: Key | None,
                    now: datetime) -> Outcome:
    """A voucher becomes `reward_key` (None: its only reward) over the counter, without a receipt; undo opens it again.

    Raises NotFound, CardBlocked, CardProvisional, CardEnded, ProgramClosed, VoucherElsewhere, VoucherUsed, VoucherVoid, VoucherEnded,
    VoucherNotYet, RewardNotChosen, OutOfStock, OnlyEarns, LiveCodeNeeded, NeedsReceipt.
    """
    async def act(tx: Transaction) -> Operation:
        card, program = await acts.open_card(tx, who, card_id)
        await acts.check_not_own(tx, who, card)
        check_can_change(card, allow=("active",))
        check_open(program, now)
        await check_spends(tx, who)
        await rotation.check_presented(tx, who, card, program, now)
        voucher = await benefits.get_voucher(tx, who.business_id, voucher_id)
        if voucher.account_id != card.account_id:
            raise VoucherElsewhere()
        reward = await benefits.get_reward(tx, who.business_id, program.id, chosen(voucher, reward_key))
        if reward.kind in ("discount", "money_off"):
            raise NeedsReceipt()
        purses = await ledger.purses_of(tx, card.account_id, now, now, (program.rules.unit,))
        await ledger.settle(tx, who, purses, program, card.account_id, card.id, now)
        draft = Draft("claim", program.id, card.account_id, card.id, to_ms(now), program.rules_version, who.location_id,
                      texts={"reward": reward.key, "vouchers": {"used": [voucher.id]}})
        operation = await ledger.post(tx, who, draft, purses, now)
        await benefits.use(tx, who.business_id, voucher.id, card.account_id, reward.key, operation.id, now)
        return operation

    return await acts.once_not_own(db, who, key, act, now)
