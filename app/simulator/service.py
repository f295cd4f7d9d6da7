"""What rules would cost: against the receipts of the last 30 days, or against a typed average. Reads, never writes."""
import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.benefits import rewards
from app.clock import from_ms, local_day, midnight_after, to_ms
from app.db import Database
from app.ledger.rules import SPENDABLE
from app.money import ceil_div, floor_div
from app.programs import service as programs
from app.programs.rules import WHOLE_BP, ProgramRules
from app.programs.store import Program
from app.sales import judging
from app.sales.judgement import Line, Receipt
from app.simulator import rules, store
from app.simulator.rules import Figures, Past, Simulation, Wish

__all__ = ["Figures", "Simulation", "Wish", "open_balances", "redemption_rate", "simulate"]


async def simulate(db: Database, business_id: int, program: Program, draft: ProgramRules, wish: Wish, now: datetime) -> Simulation:
    """`draft` beside the rules in force. At most MOST_RECEIPTS receipts are judged; of more, evenly chosen ones. Raises Invalid."""
    rules.check(wish)
    since, until = _period(now, program.time_zone)
    async with db.transaction(readonly=True) as tx:
        past, count = await _past(tx, business_id, program, wish, since, until)
        unit = program.rules.unit
        issued, redeemed = await store.moved(tx, business_id, program.id, unit, to_ms(since), to_ms(until))
        held = await store.open_now(tx, business_id, program.id, unit)
        catalogue = await rewards.list_rewards(tx, business_id, program.id)
    rate = min(WHOLE_BP, floor_div(redeemed * WHOLE_BP, issued)) if issued else None
    redeemed_bp = wish.redeemed_bp if wish.redeemed_bp is not None else WHOLE_BP if rate is None else rate
    # In a thread: two thousand judgements take longer than a till should wait.
    tallies = await asyncio.to_thread(lambda: [rules.tallied(each, past) for each in (draft, program.rules)])
    average = floor_div(tallies[0].turnover, tallies[0].receipts) if tallies[0].receipts else 0
    worth_of = _worth_of(catalogue, average)
    made = [rules.figures(tally, count, worth_of, redeemed_bp=redeemed_bp, margin_bp=wish.margin_bp, liability=0) for tally in tallies]
    made = [msgspec.structs.replace(each, liability=_liability(which, each, made[1], held, wish, redeemed_bp, worth_of))
            for which, each in zip((draft, program.rules), made, strict=True)]
    return Simulation(made[0], made[1], len(past), count, since, until, rate, rules.unknown_in(draft))


def _period(now: datetime, zone: str) -> tuple[datetime, datetime]:
    """The last 30 local days, today included."""
    today = local_day(now, zone)
    return midnight_after(today - timedelta(days=rules.PERIOD_DAYS), zone), midnight_after(today, zone)


async def _past(reader: store.Reader, business_id: int, program: Program, wish: Wish, since: datetime,
                until: datetime) -> tuple[list[Past], int]:
    """The receipts to judge, and for how many they stand."""
    if wish.source == "average":
        count = max(1, floor_div(wish.receipts * wish.members_bp, WHOLE_BP))
        return rules.around(wish.average_minor, since, program.time_zone), count
    count = await store.count_sales(reader, business_id, program.id, to_ms(since), to_ms(until))
    zones = {place.id: place.time_zone for place in await programs.list_locations(reader, business_id)}
    rows = await store.sales(reader, business_id, program.id, to_ms(since), to_ms(until), rules.sampled(count),
                             rules.MOST_RECEIPTS)
    return [_receipt(row, zones, program.time_zone) for row in rows], count


def _receipt(row: Any, zones: dict[int, str], zone: str) -> Past:
    """A purchase as it was; where its texts were erased, its sum alone."""
    texts = msgspec.json.decode(row["content"]) if row["content"] else {}
    lines = tuple(Line(int(line.get("amount", 0)), int(line.get("quantity", 1)), line.get("sku"), line.get("name"), line.get("category"))
                  for line in texts.get("lines") or ())
    fits = sum(line.amount for line in lines) <= row["amount_minor"] and all(line.amount >= 0 and line.quantity > 0 for line in lines)
    receipt = Receipt(row["amount_minor"], from_ms(row["at"]), zones.get(row["location_id"], zone), zone, lines if fits else (),
                      row["location_id"], texts.get("channel") or "till", tuple(texts.get("tenders") or ()))
    return Past(receipt, row["account_id"], row["spent_minor"], bool(row["is_first"]), texts.get("level"))


def _worth_of(catalogue: list[Any], average: int) -> Callable[[str], int]:
    worths = {reward.key: rules.reward_worth(reward.kind, reward.value, average) for reward in catalogue}
    return lambda key: worths.get(key, 0)


def _liability(which: ProgramRules, made: Figures, in_force: Figures, held: int, wish: Wish, redeemed_bp: int,
               worth_of: Callable[[str], int]) -> int:
    """Past receipts: what is open now, and what these rules would have given more or less. An average: what a month leaves unspent."""
    if wish.source == "average":
        return made.given_worth + made.vouchers_worth - floor_div((made.given_worth + made.vouchers_worth) * redeemed_bp, WHOLE_BP)
    more = made.given.get(which.unit, 0) - in_force.given.get(which.unit, 0)
    return max(0, judging.worth(which, max(0, held + more)))


async def open_balances(db: Database, business_id: int, program_id: int) -> dict[str, tuple[int, int]]:
    """Spendable unit → (how much, on how many accounts); what is only read (progress, membership) is left out."""
    rows = await store.open_balances(db, business_id, program_id)
    return {row["unit"]: (int(row["amount"]), row["accounts"]) for row in rows if row["unit"] in SPENDABLE}


async def redemption_rate(db: Database, business_id: int, program: Program, since: datetime, until: datetime) -> int | None:
    """What was spent ÷ what was given in a time, in basis points (may pass 10,000); None where nothing was given."""
    async with db.transaction(readonly=True) as tx:
        issued, redeemed = await store.moved(tx, business_id, program.id, program.rules.unit, to_ms(since), to_ms(until))
    return ceil_div(redeemed * WHOLE_BP, issued) if issued else None
