"""A sale taken back, wholly or in part, unit by unit; also a visit and a reward of the catalogue, which come back only whole."""
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from app.benefits import service as benefits
from app.clock import to_ms
from app.db import Transaction
from app.errors import FieldError, Invalid
from app.ledger import service as ledger
from app.ledger.operations import Draft, Operation
from app.ledger.rules import SPENDABLE, Lot, Purse, Purses, end_of_lot
from app.programs import service as programs
from app.sales import acts, returned
from app.sales.case import lines_of
from app.sales.recording import source_of
from app.sales.returned import Came, Returned, Sold, SoldLine
from app.sales.rules import RefundRequest
from app.standing import service as standings
from app.text import N_
from app.web.principal import Principal


class Back(msgspec.Struct, frozen=True):
    """What is to be taken back. kind: undo | refund; of: the operation; earlier: its refunds, oldest first; home: the account that
    holds what was its account's, another one after a merge."""

    kind: str
    of: Operation
    earlier: tuple[Operation, ...]
    program: programs.Program
    home: int
    request: RefundRequest


async def take_back_sale(tx: Transaction, who: Principal, back: Back, now: datetime) -> Operation:
    """Raises Invalid, RefundExceedsSale, and what `acts.place` raises."""
    sold = sold_of(back.of)
    before = came_of(sold, back.earlier)
    then, done = returned.state(sold, before), _wanted(back, sold, before)
    location_id, receipt = await acts.place(tx, who, back.program, back.request.location_id, back.request.receipt, back.kind, now)
    purses = await purses_for(tx, who, back, now)
    texts: dict[str, Any] = {"receipt": back.request.receipt} if back.request.receipt else {}
    if back.request.lines:
        texts["lines_back"] = [list(line) for line in back.request.lines]
    texts |= await _reverse_conversions(tx, back, purses, done, now)
    if done.is_whole:
        told = await _take_back_vouchers(tx, back, now)
        told["shortfall_vouchers"] = [*texts.get("shortfall_vouchers", ()), *told.get("shortfall_vouchers", ())]
        texts |= {name: value for name, value in told.items() if value}
    shortfall = await _move(tx, back, purses, then, done, now)
    if others := {unit: short for unit, short in shortfall.items() if unit != purses.primary}:
        texts["shortfall"] = others
    operation = await ledger.post(tx, who, await draft_of(tx, back, now, location_id, done.amount, done.pay_back, texts,
                                                          shortfall.get(purses.primary, 0)), purses, now, receipt)
    if done.is_whole:
        await benefits.release_promo(tx, back.of.id, now)
        await standings.forget_lines(tx, back.program, back.home, lines_of(back.of.texts.get("lines") or ()))
    if back.of.texts.get("rules"):
        # Of a sale that cost nothing only the whole can come back.
        part = (then.amount + done.amount, sold.total) if sold.total and not done.is_whole else (1, 1)
        await standings.take_back_uses(tx, back.program, back.of.id, operation.id, part)
    if back.program.rules.levels is not None:
        await standings.after(tx, who, back.program, back.program.rules, back.home, operation.id,
                              await ledger.progress_of(tx, back.home, now, now), now)
    return operation


def _wanted(back: Back, sold: Sold, before: Came) -> Returned:
    """What this refund does. Raises Invalid, RefundExceedsSale."""
    request = back.request
    if back.kind == "undo":
        return returned.whole(sold)
    if request.lines:
        done = returned.refund(sold, before, 0, request.lines)
        if request.amount is not None and request.amount != done.amount:
            raise Invalid(fields=[FieldError("amount", "lines_amount", N_("These lines cost another amount after discount."))])
        return done
    left = sold.total - returned.state(sold, before).amount
    return returned.refund(sold, before, left if request.amount is None else request.amount)


def sold_of(sale: Operation) -> Sold:
    """What the arithmetic of refunds needs, from the operation and, where an erasure has not emptied them, its texts."""
    takes: Mapping[str, int] = sale.texts.get("takes", {})
    units = dict.fromkeys(change.unit for change in sale.changes)
    redeemed = {unit: -sale.gained("redeemed", unit=unit) - takes.get(unit, 0) for unit in units}
    earned = {unit: sale.gained("earned", unit=unit) for unit in units}
    return Sold(sale.amount_minor - sale.discount_minor, sale.to_pay_minor, {unit: spent for unit, spent in redeemed.items() if spent},
                {unit: amount for unit, amount in earned.items() if amount}, takes, _lines_of(sale.texts))


def _lines_of(texts: Mapping[str, Any]) -> tuple[SoldLine, ...]:
    """As they were judged; the rest that no line of the till's named comes last."""
    lines, judged = texts.get("lines", ()), texts.get("judged", ())
    pieces = [line.get("quantity", 1) for line in lines]
    pieces += [1] * (len(judged) - len(pieces))
    return tuple([SoldLine(net, quantity, earned) for (net, _, earned), quantity in zip(judged, pieces, strict=True)])


def came_of(sold: Sold, earlier: Sequence[Operation]) -> Came:
    came = Came()
    for one in earlier:
        lines = one.texts.get("lines_back", ()) if sold.lines else ()
        came = came.plus(0, [(number, quantity) for number, quantity in lines]) if lines else came.plus(one.amount_minor)
    return came


async def purses_for(tx: Transaction, who: Principal, back: Back, now: datetime) -> Purses:
    """The purses of every unit that the operation moved, what ended taken from them."""
    unit = back.program.rules.unit
    moved = {change.unit for change in back.of.changes}
    purses = await ledger.purses_of(tx, back.home, now, now, (unit, *sorted(moved - {unit})))
    await ledger.settle(tx, who, purses, back.program, back.home, await _card_of(tx, back), now)
    return purses


async def draft_of(tx: Transaction, back: Back, now: datetime, location_id: int | None, amount: int, pay_back: int, texts: dict[str, Any],
                   shortfall: int = 0) -> Draft:
    return Draft(back.kind, back.program.id, back.home, await _card_of(tx, back), to_ms(now), back.program.rules_version, location_id,
                 back.of.id, amount_minor=amount, pay_back_minor=pay_back, shortfall=shortfall, texts=texts)


async def _card_of(tx: Transaction, back: Back) -> int:
    """The operation's card, or the newest one of the account that it was merged into."""
    return back.of.card_id if back.home == back.of.account_id else await ledger.card_of(tx, back.of.business_id, back.home)


async def _take_back_vouchers(tx: Transaction, back: Back, now: datetime) -> dict[str, Any]:
    """What the sale used is open again; what rules gave with it is void, or told where it was used already."""
    reopened = await benefits.reopen_used(tx, back.of.business_id, back.of.id, now, _grace_end(back, now))
    # What balances became goes with what it was made of.
    voided, used = await benefits.void_issued(tx, back.of.business_id, back.of.id, kept=_conversions(back))
    open_again = [voucher_id for voucher_id in reopened if voucher_id not in voided]
    return {**({"vouchers": {"reopened": open_again, "voided": voided}} if open_again or voided else {}),
            **({"shortfall_vouchers": used} if used else {})}


def _conversions(back: Back) -> set[str]:
    """The sources of the vouchers that balances became by themselves with this sale."""
    return {source_of(unit) for unit in back.of.texts.get("converted", {})}


async def _reverse_conversions(tx: Transaction, back: Back, purses: Purses, done: Returned, now: datetime) -> dict[str, Any]:
    """Where the whole sale comes back, or what it earned is not there otherwise, its open vouchers become again what they were made
    of; one that was used already is told. Gives the texts that say so."""
    back_again, used = dict[str, int](), list[int]()
    vouchers = await benefits.vouchers_of_operation(tx, back.of.business_id, back.of.id, used=False) if _conversions(back) else []
    for unit, (count, spent, size) in back.of.texts.get("converted", {}).items():
        purse, need = purses[unit], done.taken.get(unit, 0)
        before = sum(one.texts.get("converted_back", {}).get(unit, 0) for one in back.earlier)
        drawn, amount = (await _drawn(tx, back, unit, "converted"))[::-1], 0
        for voucher in vouchers:
            if voucher.source != source_of(unit) or not (done.is_whole or need > max(0, purse.balance)):
                continue
            # One that ended unused is gone, whether or not the job has noted it.
            if voucher.status == "open" and voucher.ends_at is not None and voucher.ends_at <= now:
                continue
            if await benefits.void(tx, back.of.business_id, voucher.id):
                # The rest that ended with the vouchers comes back with the first that is reversed.
                part = size if before + amount else size + spent - count * size
                purse.give_back(slice_of(drawn, before + amount, part), _grace_end(back, now), "converted")
                amount += part
            elif voucher.status == "used":
                used.append(voucher.id)
        if amount:
            back_again[unit] = amount
    return {**({"converted_back": back_again} if back_again else {}), **({"shortfall_vouchers": used} if used else {})}


async def _move(tx: Transaction, back: Back, purses: Purses, then: Returned, done: Returned, now: datetime) -> dict[str, int]:
    """Give back what the sale spent and take back what it earned; gives what of each unit the programme lets go."""
    takes: Mapping[str, int] = back.of.texts.get("takes", {})
    shortfall = {}
    for unit, purse in list(purses.items()):
        given, taken = done.given.get(unit, 0), done.taken.get(unit, 0)
        if given or unit in done.takes:
            drawn = await _drawn(tx, back, unit)
            paid = -back.of.gained("redeemed", unit=unit) - takes.get(unit, 0)
            # The last drawn first: what lives longest comes back soonest.
            payment = slice_of(drawn, 0, paid)[::-1]
            rest = slice_of(drawn, paid, done.takes.get(unit, 0))[::-1]
            purse.give_back([*rest, *slice_of(payment, then.given.get(unit, 0), given)], _grace_end(back, now))
        if taken and (short := await _take(tx, back, purse, taken, then.taken.get(unit, 0))):
            shortfall[unit] = short
    return shortfall


async def _take(tx: Transaction, back: Back, purse: Purse, taken: int, before: int) -> int:
    """Take back what was earned in one unit; returns the shortfall that is let go."""
    unit, of = purse.unit, back.of
    own = await ledger.made_by(tx, of.id, unit)
    expired = 0
    if not any(lot.remaining for lot in own) or any(lot.expires_at is not None and lot.expires_at <= purse.at_ms for lot in own):
        let_go = before + sum(one.gained("refund_taken", unit=unit) for one in back.earlier) - _shortfalls(back, unit)
        expired = max(0, await ledger.expired_of(tx, of.id, unit) - let_go)
    owe = unit in SPENDABLE and back.program.rules.refund_debt == "owed"
    short = purse.take_back(taken, [lot.id for lot in own], owe=owe, expired=expired)
    return short if unit in SPENDABLE else 0


def _shortfalls(back: Back, unit: str) -> int:
    if unit == back.program.rules.unit:
        return sum(one.shortfall for one in back.earlier)
    return sum(one.texts.get("shortfall", {}).get(unit, 0) for one in back.earlier)


async def _drawn(tx: Transaction, back: Back, unit: str, book: str = "redeemed") -> list[Lot]:
    """What the operation took from which lot, in its order: payments, then what else was spent."""
    return await ledger.drawn_by(tx, back.of.id, unit, book=book, account_id=back.home)


def _grace_end(back: Back, now: datetime) -> int:
    end = end_of_lot(now, back.program.rules.refund_grace_days, back.program.time_zone)
    assert end is not None
    return end


def slice_of(drawn: Sequence[Lot], start: int, length: int) -> list[Lot]:
    """The points number `start` to `start + length` of those that were drawn from lots one after another."""
    found, end = [], start + length
    for lot in drawn:
        part = min(lot.remaining, end) - max(0, start)
        if part > 0:
            found.append(lot._replace(remaining=part))
        start, end = start - lot.remaining, end - lot.remaining
    return found


async def take_back_visit(tx: Transaction, who: Principal, back: Back, now: datetime) -> Operation:
    """Prepaid visits come back where they were."""
    purses = await purses_for(tx, who, back, now)
    drawn = await _drawn(tx, back, "visits")
    purses["visits"].give_back(drawn[::-1], _grace_end(back, now))
    return await ledger.post(tx, who, await draft_of(tx, back, now, who.location_id, 0, 0, {}), purses, now)


async def take_back_claim(tx: Transaction, who: Principal, back: Back, now: datetime) -> Operation:
    """The voucher is void and its cost comes back; one that was handed over is open again. Raises VoucherUsed, VoucherEnded where
    what was bought is not open any more."""
    for voucher in await benefits.vouchers_of_operation(tx, back.of.business_id, back.of.id, used=False):
        benefits.check_voucher(voucher, now)
        await benefits.void(tx, back.of.business_id, voucher.id)
    await benefits.reopen_used(tx, back.of.business_id, back.of.id, now, _grace_end(back, now))
    purses = await purses_for(tx, who, back, now)
    for unit, purse in list(purses.items()):
        if drawn := await _drawn(tx, back, unit):
            purse.give_back(drawn[::-1], _grace_end(back, now))
    return await ledger.post(tx, who, await draft_of(tx, back, now, who.location_id, 0, 0, {}), purses, now)
