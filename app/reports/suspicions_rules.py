"""What fraud at a till looks like in the ledger. Each sign is a number of acts that honest days do not reach; none of them proves anything.

Moments are epoch milliseconds. `subject` is whom a manager should look at: staff, api_key or account.
"""
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

MINUTE, HOUR = 60_000, 3_600_000
DAY, MONTH = 24 * HOUR, 30 * 24 * HOUR

ONE_CARD = 6                            # sales on one card by one cashier in a day: receipts that nobody claimed
LATE, LATE_CLAIMS = 30 * MINUTE, 3      # sales told this late, so many on one card in a day: receipts found and claimed
SPLIT_WITHIN, SPLIT = 10 * MINUTE, 3    # sales on one card at one till: a purchase cut into pieces
PLACES_WITHIN = 5 * MINUTE              # one card at two locations: its code was copied
HANDS_WITHIN = MINUTE                   # or at two tills of one place
SPENT_AND_RETURNED = 2                  # refunds in 30 days that left a debt: points were spent, then the goods came back
IDLE_CARDS, IDLE_SHARE = 8, 0.8         # cards of a cashier in a day that got a welcome gift and bought nothing
BY_HAND, BY_HAND_ONE_CARD = 8, 3        # corrections upwards by one person in a day; of one card


class Act(NamedTuple):
    """An operation, as far as signs need it."""

    id: int
    account_id: int
    location_id: int | None
    kind: str
    of_operation_id: int | None
    at: int
    recorded_at: int
    actor_kind: str
    actor_id: int | None


class Sign(NamedTuple):
    """A pattern and whom it points at. details: numbers and row ids that the sentence needs."""

    kind: str
    subject_kind: str
    subject_id: int
    details: Mapping[str, Any]


def of_account(acts: Sequence[Act]) -> list[Sign]:
    """The signs on one account's acts of a day, in any order. What was undone never was: cashiers correct their typing."""
    undone = {act.of_operation_id for act in acts if act.kind == "undo"}
    sales = sorted((act for act in acts if act.kind == "sale" and act.id not in undone), key=lambda act: (act.at, act.id))
    return [*_one_card(sales), *_late(sales), *_split(sales), *_places(sales)] if len(sales) > 1 else []


def _actor(act: Act) -> tuple[str, int] | None:
    return (act.actor_kind, act.actor_id) if act.actor_id is not None and act.actor_kind in ("staff", "api_key") else None


def _one_card(sales: Sequence[Act]) -> Iterator[Sign]:
    by_actor: dict[tuple[str, int], int] = defaultdict(int)
    for act in sales:
        if (actor := _actor(act)) is not None:
            by_actor[actor] += 1
    for (kind, actor_id), count in by_actor.items():
        if count >= ONE_CARD:
            yield Sign("one_card", kind, actor_id, {"count": count, "account": sales[0].account_id})


def _late(sales: Sequence[Act]) -> Iterator[Sign]:
    late = [act for act in sales if act.recorded_at - act.at >= LATE]
    if len(late) >= LATE_CLAIMS:
        yield Sign("late_claims", "account", late[0].account_id, {"count": len(late)})


def _split(sales: Sequence[Act]) -> Iterator[Sign]:
    tills: dict[Any, list[int]] = defaultdict(list)
    for act in sales:
        tills[act.location_id, _actor(act)].append(act.at)
    for moments in tills.values():
        if any(last - first <= SPLIT_WITHIN for first, last in zip(moments, moments[SPLIT - 1:], strict=False)):
            yield Sign("split", "account", sales[0].account_id, {"count": len(moments)})
            return


def _places(sales: Sequence[Act]) -> Iterator[Sign]:
    for first, second in itertools.pairwise(sales):
        apart = second.at - first.at
        moved = first.location_id != second.location_id and None not in (first.location_id, second.location_id)
        handed = first.location_id == second.location_id and _actor(first) != _actor(second)
        if (moved and apart <= PLACES_WITHIN) or (handed and apart <= HANDS_WITHIN):
            yield Sign("two_places", "account", first.account_id, {"seconds": apart // 1000})
            return


def of_returns(counts: Iterable[tuple[int, int]]) -> list[Sign]:
    """counts: (account, its refunds of the month that left a debt or were let go)."""
    return [Sign("spent_and_returned", "account", account, {"count": count}) for account, count in counts if count >= SPENT_AND_RETURNED]


def of_issuers(counts: Iterable[tuple[int, int, int]]) -> list[Sign]:
    """counts: (staff, cards that they issued in a day with a welcome gift, those of them that bought nothing)."""
    return [Sign("welcome_farming", "staff", staff, {"count": idle}) for staff, issued, idle in counts
            if idle >= IDLE_CARDS and idle >= IDLE_SHARE * issued]


def of_corrections(counts: Iterable[tuple[str, int, int, int]]) -> list[Sign]:
    """counts: (actor kind, actor, account, corrections upwards of a day)."""
    totals: dict[tuple[str, int], int] = defaultdict(int)
    most: dict[tuple[str, int], int] = defaultdict(int)
    for kind, actor_id, _, count in counts:
        totals[kind, actor_id] += count
        most[kind, actor_id] = max(most[kind, actor_id], count)
    return [Sign("corrections", kind, actor_id, {"count": total}) for (kind, actor_id), total in totals.items()
            if total >= BY_HAND or most[kind, actor_id] >= BY_HAND_ONE_CARD]
