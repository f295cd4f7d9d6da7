"""How long what is put into a purse lives: its end, its steps, its waiting time; and how lots get another end."""
from collections.abc import Sequence
from datetime import datetime, timedelta

from app.clock import from_ms, local_day
from app.ledger.ends import end_of, end_of_lot, parts_of
from app.ledger.rules import Purse
from app.programs.rules import ProgramRules
from app.programs.terms import Fade

_MOMENT = timedelta(milliseconds=1)


def put(purse: Purse, amount: int, rules: ProgramRules, at: datetime, zone: str, *, days: int | None = None,
        fades: Sequence[Fade] | None = None, rule: str | None = None, book: str = "issued", pending: bool = False) -> None:
    """Put `amount` > 0 of the purse's unit in, as it lives under the programme's rules; in several lots where it fades.

    at: when it was earned; zone: the business's. days: a life of its own, else the programme's. fades: steps of its own; none of
    them and no `days`: the programme's steps, for the programme's unit. rule: the key of the rule that gives it. book: issued,
    loaded (bought), adjusted. pending: it waits the programme's pending_days, through the last of them.
    """
    steps = fades or (rules.fades if days is None and purse.unit == rules.unit else ())
    end = end_of(rules, purse.unit, at, zone, days=days)
    available_at = end_of_lot(at, rules.pending_days, zone) if pending and rules.pending_days else None
    for part in parts_of(amount, end, at, zone, steps) if steps else ((amount, end),):
        purse.earn(part[0], part[1], book, available_at, rule)


def prolong(purse: Purse, rules: ProgramRules, at: datetime, zone: str) -> None:
    """Where lots live from the last activity on (lot_end `activity`): give every living lot of the purse the end that this activity
    at `at` brings. Call it in a sale before it spends or earns. Days are whole, so that a day's second sale moves nothing."""
    if rules.lot_end != "activity" or purse.unit != rules.unit or rules.lot_days is None:
        return
    end = end_of_lot(at, rules.lot_days, zone)
    assert end is not None
    alive = [lot for lot in purse.lots if lot.remaining > 0 and lot.created_at <= purse.at_ms]
    purse.move({lot.id: (end, lot.available_at) for lot in alive if lot.expires_at is not None and purse.at_ms < lot.expires_at < end})


def extend_membership(purse: Purse, days: int, at: datetime, zone: str, *, rule: str | None = None, book: str = "issued") -> None:
    """A membership of `days` days from the day of `at` on, or from where the last one ends. The purse: "membership", read."""
    ends = [lot.expires_at for lot in purse.lots if lot.remaining > 0 and lot.expires_at is not None and lot.expires_at > purse.at_ms]
    start = max(ends, default=None)
    end = end_of_lot(at if start is None else from_ms(start) - _MOMENT, days, zone)
    purse.earn(1, end, book, start, rule)


def freeze(purse: Purse, days: int, at: datetime, zone: str) -> None:
    """Let every lot that can pay rest for `days` days after today, and live as many days longer."""
    until = end_of_lot(at, days, zone)
    purse.move({lot.id: (_later(lot.expires_at, days, zone), until) for lot in purse.lots
                if lot.remaining > 0 and (lot.expires_at is None or lot.expires_at > purse.at_ms)
                and (lot.available_at is None or lot.available_at <= purse.at_ms)})


def unfreeze(purse: Purse, at: datetime, zone: str) -> int:
    """Wake every resting lot of the purse at once; the whole days after today that it did not rest are taken off its end again.

    Returns those days (the most of all lots), so that they can be counted as not frozen.
    """
    saved, ends = 0, dict[int, tuple[int | None, int | None]]()
    for lot in purse.lots:
        if lot.remaining > 0 and lot.available_at is not None and lot.available_at > purse.at_ms:
            days = (local_day(from_ms(lot.available_at) - _MOMENT, zone) - local_day(at, zone)).days
            ends[lot.id] = _later(lot.expires_at, -days, zone), None
            saved = max(saved, days)
    purse.move(ends)
    return saved


def extend(purse: Purse, days: int, zone: str) -> None:
    """Let every living lot of the purse that ends end `days` days later."""
    purse.move({lot.id: (_later(lot.expires_at, days, zone), lot.available_at) for lot in purse.lots
                if lot.remaining > 0 and lot.expires_at is not None and lot.expires_at > purse.at_ms})


def _later(end: int | None, days: int, zone: str) -> int | None:
    """The local midnight `days` days after the local midnight `end`."""
    return None if end is None else end_of_lot(from_ms(end) - _MOMENT, days, zone)
