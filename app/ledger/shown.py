"""An operation as lists of many show it: what it did to each balance, all in all."""
from typing import Any

from app.ledger.operations import Operation

UNITS = ("points", "money", "stamps", "visits", "donated")         # what people see of an account, in this order


def shown(operation: Operation) -> dict[str, Any]:
    """kind, at; sums: (unit, amount) of each unit that is not zero all in all; points: the first of them, 0 for none; both: a unit
    that moved both ways, or None; earned and redeemed: how much of it, both >= 0."""
    gains: dict[str, int] = {}
    losses: dict[str, int] = {}
    for change in operation.changes:
        side = gains if change.amount > 0 else losses
        side[change.unit] = side.get(change.unit, 0) + change.amount
    sums = [(unit, total) for unit in UNITS if (total := gains.get(unit, 0) + losses.get(unit, 0))]
    both = next((unit for unit in UNITS if unit in gains and unit in losses), None)
    return {"kind": operation.kind, "at": operation.at, "sums": sums, "points": sums[0][1] if sums else 0,
            "both": both, "earned": gains[both] if both else 0, "redeemed": -losses[both] if both else 0}
