"""What a purchase is judged by, read from the rooms that know it. What the rules do not ask for is not read."""
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

import msgspec

from app.benefits import service as benefits
from app.benefits.rules import VoucherElsewhere, chosen
from app.cards import service as cards
from app.cards.rules import CardBlocked, CardEnded, CardProvisional
from app.clock import to_ms
from app.coalition import service as coalition
from app.coalition.rules import Allowed, OnlyEarns
from app.db import Database, Transaction
from app.errors import FieldError, Invalid, NotFound
from app.ledger import service as ledger
from app.ledger.rules import SPENDABLE, Purses
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.terms import Earn, GiveReward
from app.sales import acts, judging, rules
from app.sales.judgement import Judgement, Line, Quote, Receipt, UsedReward
from app.sales.reach import check_program
from app.sales.rules import SaleRequest
from app.standing import service as standings
from app.standing.rules import Standing
from app.text import N_
from app.web.principal import Principal

Reader = Database | Transaction
WRONG_LINE = N_("A line has an amount, a quantity of one or more, and short texts.")


class Case(msgspec.Struct, frozen=True):
    """A purchase before it is judged. version, rules: those of its moment; claim: the receipt's number, to be claimed with it."""

    card: cards.Card
    program: programs.Program
    version: int
    rules: ProgramRules
    receipt: Receipt
    purses: Purses
    standing: Standing
    location_id: int | None = None
    claim: ledger.Receipt | None = None
    promo: benefits.Promo | None = None

    def judge(self, redeem: int | None) -> Judgement:
        return judging.judge(self.rules, self.receipt, self.standing, redeem)

    def quote(self, judged: Judgement, vouchers: Sequence[benefits.Voucher] = ()) -> Quote:
        purse = self.purses[self.rules.unit]
        return Quote(self.card, judged, self.rules, self.program.currency, purse.balance, -purse.debt, self.standing, tuple(vouchers))


async def read(reader: Reader, who: Principal, request: SaleRequest, card: cards.Card, now: datetime, *, is_quote: bool = False) -> Case:
    """Raises where the card takes no purchase, or not this one."""
    check_program(who, card.program_id)
    check_card(card, request)
    at = rules.moment(request.at, now, card.created_at)
    program = await programs.get_program(reader, who.business_id, card.program_id)
    check_open(program, at)
    allowed = await coalition.allowed_of(reader, who)
    check_allowed(allowed, request)
    version, in_force = await programs.rules_at(reader, program, at)
    location_id, zone = request.location_id, program.time_zone
    if not is_quote or in_force.rules:
        location_id, zone = await acts.where(reader, who, program, request.location_id)
    bought = [await _for_sale(reader, program, key) for key in request.catalogue]
    used = [await _of_voucher(reader, program, card, voucher_id, choice, now) for voucher_id, choice in request.vouchers]
    used += [UsedReward(reward.key, reward.kind, reward.value, reward.sku, None, reward.unit, reward.cost) for reward in bought]
    promo = None
    if request.promo_code is not None:
        promo = await benefits.find_promo(reader, who.business_id, program.id, request.promo_code, card.account_id, at)
        used += await _given_by(reader, program, promo)
    receipt = Receipt(request.amount, at, zone, program.time_zone, lines_of(request.lines), location_id, request.channel,
                      tuple(request.tenders), promo.batch if promo else None, tuple(used), request.visits,
                      await catalogue_of(reader, program, in_force))
    purses = await ledger.purses_of(reader, card.account_id, at, now, units_of(in_force, [reward.unit for reward in bought if reward.unit]))
    standing = await standings.standing_of(reader, program, in_force, card, at, now)
    for reward in bought:
        benefits.check_level(reward, standing.level, in_force)
    claim = acts.claim_of(who, request.receipt, location_id, zone, "sale", at)
    return Case(card, program, version, in_force, receipt, purses, _filled(standing, purses, card, allowed), location_id, claim, promo)


def check_card(card: cards.Card, request: SaleRequest) -> None:
    if card.status == "blocked":
        raise CardBlocked()
    if card.status not in ledger.LIVE:
        raise CardEnded()
    # What a provisional card holds belongs to nobody yet who could spend it.
    if card.status == "provisional" and (request.redeem != 0 or request.vouchers or request.catalogue or request.visits):
        raise CardProvisional()


def check_allowed(allowed: Allowed, request: SaleRequest) -> None:
    """Raises OnlyEarns where a member of a coalition takes nothing that shoppers collected at others."""
    if not allowed.spends and (request.redeem != 0 or request.vouchers or request.catalogue or request.visits):
        raise OnlyEarns()


async def check_spends(reader: Reader, who: Principal) -> None:
    """Raises OnlyEarns where the acting member of a coalition takes nothing that shoppers collected at others."""
    if not (await coalition.allowed_of(reader, who)).spends:
        raise OnlyEarns()


def check_open(program: programs.Program, at: datetime) -> None:
    """Raises ProgramClosed from the day on until which a closing programme's balances could be spent."""
    over = program.spends_until_at is not None and to_ms(at) >= program.spends_until_at
    if over or program.closed_at is not None:
        raise rules.ProgramClosed()


def lines_of(lines: Sequence[object]) -> tuple[Line, ...]:
    """The till's lines as they are judged; what a line says beside that stays with the operation."""
    try:
        return tuple(msgspec.convert(line, Line, strict=True) for line in lines)
    except msgspec.ValidationError as error:
        raise Invalid(fields=[FieldError("lines", "line", WRONG_LINE)]) from error


def units_of(in_force: ProgramRules, more: Sequence[str] = ()) -> tuple[str, ...]:
    """The units whose lots a purchase may move, the programme's first. more: what rewards of the catalogue cost."""
    known = _units_of(in_force)
    return (*known, *sorted(set(more) - set(known))) if more else known


@lru_cache(256)
def _units_of(in_force: ProgramRules) -> tuple[str, ...]:
    wanted = {rule.effect.unit for rule in in_force.rules if isinstance(rule.effect, Earn)}
    wanted |= {unit for unit in ("stamps", "visits") if getattr(in_force, unit)}
    return in_force.unit, *sorted(wanted - {in_force.unit})


def _filled(standing: Standing, purses: Purses, card: cards.Card, allowed: Allowed) -> Standing:
    """What can be spent: nothing of a card that nobody has claimed, or at a member of a coalition that only earns."""
    if not allowed.earns:
        standing = msgspec.structs.replace(standing, is_closed=True)
    if card.status == "provisional" or not allowed.spends:
        return standing
    held = {purse.unit: purse.spendable for purse in purses.in_order[1:] if purse.unit in SPENDABLE}
    return msgspec.structs.replace(standing, spendable=purses[purses.primary].spendable, held=held)


async def catalogue_of(reader: Reader, program: programs.Program, in_force: ProgramRules) -> Mapping[str, UsedReward] | None:
    """`Receipt.catalogue`: what rules may give at once and there is; None where no rule gives anything at once."""
    named = {rule.effect.reward for rule in in_force.rules if isinstance(rule.effect, GiveReward) and not rule.paused}
    if not named:
        return None
    return {reward.key: UsedReward(reward.key, reward.kind, reward.value, reward.sku, stock=reward.stock)
            for reward in await benefits.list_rewards(reader, program.business_id, program.id) if reward.key in named}


async def _for_sale(reader: Reader, program: programs.Program, key: str) -> benefits.Reward:
    """A reward that the catalogue sells; also one that is closed or out of stock, which is refused when it is taken."""
    reward = await benefits.get_reward(reader, program.business_id, program.id, key)
    if reward.unit is None:
        raise NotFound()
    return reward


async def _of_voucher(reader: Reader, program: programs.Program, card: cards.Card, voucher_id: int, choice: str | None,
                      now: datetime) -> UsedReward:
    """What a voucher becomes on this receipt; raises what stands against it."""
    voucher = await benefits.get_voucher(reader, program.business_id, voucher_id)
    if voucher.account_id != card.account_id:
        raise VoucherElsewhere()
    benefits.check_voucher(voucher, now)
    reward = await benefits.get_reward(reader, program.business_id, program.id, chosen(voucher, choice))
    return UsedReward(reward.key, reward.kind, reward.value, reward.sku, voucher.id)


async def _given_by(reader: Reader, program: programs.Program, promo: benefits.Promo) -> list[UsedReward]:
    """The reward that a promo code gives by itself."""
    if promo.reward is None:
        return []
    reward = await benefits.get_reward(reader, program.business_id, program.id, promo.reward)
    return [UsedReward(reward.key, reward.kind, reward.value, reward.sku)]
