"""Two accounts become one: everything that one holds moves to the other by entries, and later refunds find it there."""
from datetime import datetime

from app.clock import to_ms
from app.db import Transaction
from app.errors import Refused
from app.ledger import store
from app.ledger.operations import Draft, Operation
from app.ledger.posting import HasAccount, post
from app.ledger.purses import purses_of, settle
from app.ledger.readings import lock
from app.ledger.rules import UNITS
from app.programs.service import Program
from app.text import N_
from app.web.principal import Principal


class AlreadyMerged(Refused):
    """The two cards show one account, or one of their accounts lives on in a third."""

    code, detail = "already_merged", N_("These cards share one balance already.")


async def move_account(tx: Transaction, who: Principal, program: Program, from_card: HasAccount, to_card: HasAccount,
                       now: datetime) -> tuple[Operation, Operation]:
    """Everything on the account of `from_card` moves to that of `to_card`, debts and what waits too; gives merge_out and merge_in.

    Both accounts are locked here, in the order of their ids. Lots keep their ends and what they were made from (moved_from); the
    points of one side repay the debts of the other. merge_in names merge_out. The old account says where it went (`home_of`); which
    account its cards show is the caller's to change. Raises AlreadyMerged, having written nothing.
    """
    left, kept = from_card.account_id, to_card.account_id
    await lock(tx, who.business_id, [left, kept])
    if left == kept or await store.find_merged(tx, who.business_id, kept) != (None,) \
            or not await store.set_merged(tx, who.business_id, left, kept):
        raise AlreadyMerged()
    units = program.rules.unit, *[unit for unit in UNITS if unit != program.rules.unit]
    leaving, staying = [await purses_of(tx, account_id, now, now, units) for account_id in (left, kept)]
    await settle(tx, who, leaving, program, left, from_card.id, now)
    await settle(tx, who, staying, program, kept, to_card.id, now)
    moving = {unit: purse.lots for unit, purse in leaving.items()}
    for unit, purse in leaving.items():
        purse.give_up("moved")
        staying[unit].move_in(moving[unit])
    at_ms, version = to_ms(now), program.rules_version
    out = await post(tx, who, Draft("merge_out", program.id, left, from_card.id, at_ms, version), leaving, now)
    into = Draft("merge_in", program.id, kept, to_card.id, at_ms, version, of_operation_id=out.id)
    return out, await post(tx, who, into, staying, now)
