"""What only a cashier's hints need to know about a card, read where a programme has it."""
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.benefits import service as benefits
from app.cards.service import Card
from app.db import Database, Transaction
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.terms import GiveReward, GiveVoucher, Said
from app.sales.judgement import Line, Quote, Receipt
from app.standing import service as standings
from app.standing.rules import Standing

Reader = Database | Transaction
SOON = timedelta(days=30)


class Around(msgspec.Struct, frozen=True):
    """at, zone: the moment and the business's time zone; expiring: what ends first within a month; next_level: the level above and
    what is missing to it before this purchase; member_until: the end of a membership; rewards: key → name; receipt: of a quote;
    goods: what the favourite product and personal offers are called, by SKU."""

    at: datetime
    zone: str
    expiring: ledger.Expiring | None = None
    next_level: standings.Next | None = None
    member_until: datetime | None = None
    rewards: Mapping[str, Said] = {}
    receipt: Receipt | None = None
    goods: Mapping[str, str] = {}

    @property
    def lines(self) -> Sequence[Line]:
        return self.receipt.lines if self.receipt else ()


class Seen(msgspec.Struct, frozen=True):
    """A card as it is looked up, before anything is typed; the parts as a Quote has them."""

    card: Card
    rules: ProgramRules
    currency: str
    balance: int
    debt: int
    standing: Standing
    vouchers: tuple[benefits.Voucher, ...]
    around: Around


async def around(reader: Reader, program: programs.Program, rules: ProgramRules, card: Card, level: str | None, now: datetime, *,
                 has_vouchers: bool = False, receipt: Receipt | None = None, ending: Sequence[ledger.Expiring] | None = None) -> Around:
    """level: the key of the one held; has_vouchers: some are open, so their rewards' names are needed too; ending: all that ends
    within SOON at least, where the caller read it."""
    soon = (await ledger.next_end(reader, card.account_id, now, rules.unit, within=SOON) if ending is None
            else ledger.first_end(ending, rules.unit, now + SOON))
    following = await standings.next_level(reader, rules, card.account_id, level, now)
    until = await ledger.member_until(reader, card.account_id, now) if rules.membership else None
    names = {}
    if has_vouchers or names_rewards(rules):
        known = await benefits.list_rewards(reader, program.business_id, program.id, open_only=False)
        names = {reward.key: reward.names for reward in known}
    goods = await _goods(reader, program, rules, card, now)
    return Around(now, program.time_zone, soon, following, until, names, receipt, goods)


async def _goods(reader: Reader, program: programs.Program, rules: ProgramRules, card: Card, now: datetime) -> dict[str, str]:
    """What products are called that a hint may name, by SKU; those without a name are left out."""
    offers = await standings.offers_of(reader, card.account_id, now) if rules.offers else []
    favourite = await standings.favourite_of(reader, program, card.account_id, now) if rules.favourite else None
    known = [(each.sku, each.name) for each in offers] + ([(favourite.sku, favourite.name)] if favourite else [])
    return {sku: name for sku, name in known if name}


def names_rewards(rules: ProgramRules) -> bool:
    """Whether a sentence about these rules may call a reward by its name."""
    return bool(rules.stamps or rules.convert or any(isinstance(rule.effect, GiveVoucher | GiveReward) for rule in rules.rules))


async def of_quote(reader: Reader, program: programs.Program, quote: Quote, receipt: Receipt, now: datetime) -> Quote:
    """The quote with what its hints need."""
    known = await around(reader, program, quote.rules, quote.card, quote.standing.level, now, has_vouchers=bool(quote.vouchers),
                         receipt=receipt)
    return msgspec.structs.replace(quote, around=known)


async def look_up(reader: Reader, program: programs.Program, card: Card, now: datetime, shown: ledger.Shown | None = None,
                  ending: Sequence[ledger.Expiring] | None = None, *, may_have_vouchers: bool = True) -> Seen:
    """A card as a cashier meets it. shown, ending: its balances, and all of them that end within SOON, where the caller read them;
    may_have_vouchers: False where the caller knows that none is open."""
    rules = program.rules
    held = (shown or await ledger.shown(reader, card.account_id, now)).available
    standing = await standings.standing_of(reader, program, rules, card, now, now)
    vouchers = tuple(await benefits.vouchers_of(reader, card.business_id, card.account_id, now)) if may_have_vouchers else ()
    balance = held.get(rules.unit, 0)
    others: dict[str, Any] = {unit: max(amount, 0) for unit, amount in held.items() if unit != rules.unit}
    return Seen(card, rules, program.currency, balance, max(0, -balance),
                msgspec.structs.replace(standing, spendable=max(balance, 0), held=others), vouchers,
                await around(reader, program, rules, card, standing.level, now, has_vouchers=bool(vouchers), ending=ending))


def seen_in(quote: Quote) -> Seen | None:
    """The card of a quote as a look-up would see it; None where nothing was read around it."""
    if quote.around is None:
        return None
    return Seen(quote.card, quote.rules, quote.currency, quote.balance, quote.debt, quote.standing, quote.vouchers, quote.around)
