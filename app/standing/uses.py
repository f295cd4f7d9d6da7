"""How much a rule with caps gave: to a person on a day, to a person, to everybody. Counted with the sale, taken back with its refund."""
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from app.clock import local_day
from app.db import Transaction
from app.errors import Refused
from app.money import floor_div
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.standing import uses_store as store
from app.text import N_


class CampaignUsedUp(Refused):
    """Another till took the rest of a campaign between this receipt's judgement and its commit."""

    code, detail = "campaign_used_up", N_("The campaign was used up a moment ago. Ring the receipt up again.")


class GaveSomething(Protocol):
    """What a judgement says of a rule: sales.judgement.Applied."""

    @property
    def rule(self) -> str: ...
    @property
    def amount(self) -> int: ...


async def count_uses(tx: Transaction, program: programs.Program, rules: ProgramRules, account_id: int, operation_id: int,
                     applied: Iterable[GaveSomething], at: datetime) -> None:
    """Note what rules with caps gave with an operation of `at`. Raises CampaignUsedUp where the campaign has less left than that."""
    capped = {rule.key: rule.caps for rule in rules.rules
              if rule.caps.day is not None or rule.caps.person is not None or rule.caps.campaign is not None}
    gave: dict[str, int] = {}
    for one in applied:
        if one.rule in capped and one.amount:
            gave[one.rule] = gave.get(one.rule, 0) + one.amount
    if not gave:
        return
    day = local_day(at, program.time_zone).isoformat()
    # In order of their keys, so that two sales never wait for each other's campaign.
    for key, amount in sorted(gave.items()):
        most = capped[key].campaign
        if most is not None and (amount > most or not await store.add_total(
                tx, program.business_id, program.id, key, amount, most)):
            raise CampaignUsedUp()
    await store.insert_uses(tx, [
        {"operation_id": operation_id, "rule": key, "business_id": program.business_id, "program_id": program.id,
         "account_id": account_id, "local_day": day, "amount": amount} for key, amount in sorted(gave.items())])


async def take_back_uses(tx: Transaction, program: programs.Program, of_operation_id: int, operation_id: int,
                         part: tuple[int, int] = (1, 1)) -> None:
    """A refund frees the caps that its sale filled, for the day of the sale.

    part: how much of the sale is refunded with this refund and those before it, as (n, of m); rounds down until it is whole.
    """
    done, whole = part
    back = []
    for used in await store.used_by(tx, program.business_id, of_operation_id):
        amount = floor_div(used.used * done, whole) - used.taken
        if amount > 0:
            back.append({"operation_id": operation_id, "rule": used.rule, "business_id": program.business_id, "program_id": program.id,
                         "account_id": used.account_id, "local_day": used.local_day, "amount": -amount})
            await store.lower_total(tx, program.business_id, program.id, used.rule, amount)
    if back:
        await store.insert_uses(tx, back)
