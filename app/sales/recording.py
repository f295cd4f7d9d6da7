"""What a judged purchase writes: balances, vouchers, uses of rules and codes, the level after it; inside the caller's transaction."""
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from app.benefits import service as benefits
from app.clock import to_ms
from app.db import Transaction
from app.errors import NotFound
from app.ledger import service as ledger
from app.ledger.operations import Draft, Operation
from app.ledger.rules import Purses
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.terms import Conversion
from app.sales.case import Case
from app.sales.judgement import Gain, Given, Judgement
from app.sales.rules import SaleRequest
from app.standing import service as standings
from app.web.principal import Principal

MOST_CONVERTED = 20            # vouchers of one operation; what is left over waits for the next


class Codes:
    """Random codes of vouchers, drawn as they are needed and the same again when an act runs again."""

    def __init__(self) -> None:
        self._drawn: list[str] = []
        self._given = 0

    def begin(self) -> None:
        self._given = 0

    def next(self) -> str:
        if self._given == len(self._drawn):
            self._drawn += benefits.draw_codes(1)
        self._given += 1
        return self._drawn[self._given - 1]


class Converted(msgspec.Struct, frozen=True):
    """What became vouchers: `vouchers` of them for `spent` of `unit`, one of `size` each and, without carry-over, the rest."""

    unit: str
    vouchers: int
    spent: int
    conversion: Conversion

    @property
    def source(self) -> str:
        return source_of(self.unit)


def source_of(unit: str) -> str:
    """How a voucher that a unit became names where it is from."""
    return f"conversion:{unit}"


async def record(tx: Transaction, who: Principal, request: SaleRequest, case: Case, judged: Judgement, codes: Codes,
                 now: datetime) -> Operation:
    """Write a judged purchase on an account that the caller has locked."""
    card, program, purses = case.card, case.program, case.purses
    codes.begin()
    await ledger.settle(tx, who, purses, program, card.account_id, card.id, now)
    ledger.prolong(purses[case.rules.unit], case.rules, case.receipt.at, program.time_zone)
    if judged.points:
        purses[case.rules.unit].spend(judged.points)
    for unit, amount in judged.takes.items():
        purses[unit].spend(amount)
    put(purses, judged.gains, case.rules, case.receipt.at, program.time_zone)
    converted = await convert(tx, program, case.rules, purses, Counter(one.reward for one in judged.given if one.at_once))
    draft = Draft("sale", program.id, card.account_id, card.id, to_ms(case.receipt.at), case.version, case.location_id,
                  amount_minor=judged.amount, discount_minor=judged.discount, spent_minor=judged.spent_minor,
                  to_pay_minor=judged.to_pay, texts=_texts(request, case, judged, converted))
    operation = await ledger.post(tx, who, draft, purses, now, case.claim)
    await _use_rewards(tx, who, case, operation, codes, now)
    missed = await give(tx, who, program, operation, judged.given, codes, now, firm=case.receipt.catalogue or {})
    await issue_converted(tx, who, program, operation, converted, codes, now)
    await _note(tx, who, case, judged, operation, missed, now)
    return operation


def put(purses: Purses, gains: Sequence[Gain], rules: ProgramRules, at: datetime, zone: str, *, is_sale: bool = True) -> None:
    """Put what was gained into the account, each with its own end; what a sale brings in the programme's unit waits where it should."""
    for gain in gains:
        ledger.put(purses[gain.unit], gain.amount, rules, at, zone, days=gain.days, fades=gain.fades or None, rule=gain.rule,
                   pending=is_sale and gain.unit == rules.unit)


async def convert(tx: Transaction, program: programs.Program, rules: ProgramRules, purses: Purses,
                  reserved: Mapping[str, int] | None = None) -> list[Converted]:
    """Spend what is complete on vouchers, which are issued once the operation is written. Without stock it waits.

    reserved: reward → how many of it the operation hands out otherwise."""
    found = []
    for unit, conversion in conversions_of(rules):
        purse = purses[unit]
        count = min(purse.spendable // conversion.size, MOST_CONVERTED)
        if not count or not (count := min(count, await _in_stock(tx, program, conversion, reserved or {}))):
            continue
        spent = count * conversion.size if conversion.carry_over else purse.spendable
        purse.spend(spent, "converted")
        found.append(Converted(unit, count, spent, conversion))
    return found


def conversions_of(rules: ProgramRules) -> list[tuple[str, Conversion]]:
    """(unit, conversion) of what becomes vouchers by itself."""
    found = [("stamps", rules.stamps.card)] if rules.stamps else []
    return [*found, (rules.unit, rules.convert)] if rules.convert else found


async def _in_stock(tx: Transaction, program: programs.Program, conversion: Conversion, reserved: Mapping[str, int]) -> int:
    """How many vouchers there can be; where one reward is named, its stock is taken with them."""
    try:
        rewards = [await benefits.get_reward(tx, program.business_id, program.id, key) for key in conversion.rewards]
    except NotFound:
        return 0
    there = [reward for reward in rewards if not reward.is_closed]
    if not there:
        return 0
    if len(rewards) > 1 or there[0].stock is None:
        return MOST_CONVERTED
    return max(0, there[0].stock - reserved.get(there[0].key, 0))


async def issue_converted(tx: Transaction, who: Principal, program: programs.Program, operation: Operation,
                          converted: Sequence[Converted], codes: Codes, now: datetime) -> None:
    for some in converted:
        for _ in range(some.vouchers):
            await benefits.issue(tx, who, program, operation.account_id, some.conversion.rewards, some.source, operation.id, now,
                                 code=codes.next(), days=some.conversion.voucher_days)


async def give(tx: Transaction, who: Principal, program: programs.Program, operation: Operation, given: Sequence[Given], codes: Codes,
               now: datetime, *, firm: Collection[str] = ()) -> set[str]:
    """Hand out what rules gave; gives the keys of the rules whose reward is not there any more: a gift that ran out stops no sale.

    firm: keys of rewards that were there when the receipt was judged, and are on it: OutOfStock where another till was faster."""
    missed = set()
    for one in given:
        try:
            voucher = await benefits.issue(tx, who, program, operation.account_id, (one.reward,), one.rule, operation.id, now,
                                           code=codes.next(), days=one.days)
        except (benefits.OutOfStock, NotFound):
            if one.at_once and one.reward in firm:
                raise
            missed.add(one.rule)
            continue
        if one.at_once:
            await benefits.use(tx, who.business_id, voucher.id, operation.account_id, one.reward, operation.id, now)
    return missed


async def _use_rewards(tx: Transaction, who: Principal, case: Case, operation: Operation, codes: Codes, now: datetime) -> None:
    """Vouchers are used up; what a code gives or the catalogue sells is taken from its stock. Raises what stands against it."""
    account_id = operation.account_id
    if case.promo is not None:
        await benefits.claim_promo(tx, case.promo, account_id, operation.id, who, now)
    for used in case.receipt.rewards:
        voucher_id = used.voucher_id
        if voucher_id is None:
            source = "catalogue" if used.unit else "promo"
            voucher_id = (await benefits.issue(tx, who, case.program, account_id, (used.key,), source, operation.id, now,
                                               code=codes.next())).id
        await benefits.use(tx, who.business_id, voucher_id, account_id, used.key, operation.id, now)


async def _note(tx: Transaction, who: Principal, case: Case, judged: Judgement, operation: Operation, missed: set[str],
                now: datetime) -> None:
    """What later receipts are judged by."""
    program, rules, account_id = case.program, case.rules, operation.account_id
    applied = [one for one in judged.applied if one.rule not in missed]
    if applied:
        await standings.count_uses(tx, program, rules, account_id, operation.id, applied, case.receipt.at)
    if rules.levels is not None:
        await standings.after(tx, who, program, program.rules, account_id, operation.id,
                              await ledger.progress_of(tx, account_id, now, now), now)
    if case.receipt.lines and (rules.offers or rules.favourite):
        await standings.remember_lines(tx, program, account_id, case.receipt.lines, case.receipt.at)


def _texts(request: SaleRequest, case: Case, judged: Judgement, converted: Sequence[Converted]) -> dict[str, Any]:
    """What is kept with the operation beside its numbers; only what there is."""
    texts: dict[str, Any] = {}
    if request.receipt:
        texts["receipt"] = request.receipt
    if request.lines:
        texts["lines"] = list(request.lines)
        texts["judged"] = [[line.net, line.paid, dict(line.earned)] for line in judged.lines]
    if judged.applied:
        texts["rules"] = [list(msgspec.structs.astuple(one)) for one in judged.applied]
    if case.rules.levels is not None:
        texts["level"] = case.standing.level
    if judged.takes:
        texts["takes"] = dict(judged.takes)
    if converted:
        texts["converted"] = {one.unit: [one.vouchers, one.spent, one.conversion.size] for one in converted}
    if issued := issued_texts(converted, judged.given):
        texts.setdefault("vouchers", {})["issued"] = issued
    if used := [one.voucher_id for one in case.receipt.rewards if one.voucher_id is not None]:
        texts.setdefault("vouchers", {})["used"] = used
    if case.promo is not None:
        texts["promo"] = case.promo.batch
    if request.channel != "till":
        texts["channel"] = request.channel
    if request.tenders:
        texts["tenders"] = list(request.tenders)
    return texts


def issued_texts(converted: Sequence[Converted], given: Sequence[Given]) -> list[list[Any]]:
    """[source, keys of the rewards] of each voucher; their rows name the operation."""
    return [*([one.source, list(one.conversion.rewards)] for one in converted for _ in range(one.vouchers)),
            *([one.rule, [one.reward]] for one in given)]

