"""What the simulator believes and what the server said: arithmetic on answers, and a sentence for each difference."""
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]
UNITS = ("points", "stamps", "visits", "money")


def held(card: Json) -> dict[str, int]:
    """What is on a card, with what waits until it can be spent; zero units left out."""
    found = Counter({unit: int(card["balances"].get(unit, 0)) for unit in UNITS})
    found.update({unit: int(card["pending"].get(unit, 0)) for unit in UNITS})
    return {unit: amount for unit, amount in found.items() if amount}


def moved(operations: Iterable[Json]) -> dict[str, int]:
    """What operations changed together, by unit; zero units left out."""
    found: Counter[str] = Counter()
    for operation in operations:
        for change in operation["changes"]:
            if change["unit"] in UNITS:
                found[change["unit"]] += int(change["amount"])
    return {unit: amount for unit, amount in found.items() if amount}


def plus(*parts: Mapping[str, int]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for part in parts:
        for unit, amount in part.items():
            found[unit] += amount
    return {unit: amount for unit, amount in found.items() if amount}


def differs(what: str, expected: Any, told: Any) -> list[str]:
    return [] if expected == told else [f"{what}: {expected} expected, {told} told"]


def of_quote(quote: Json, amount: int) -> list[str]:
    """Whether a quote is one with itself. What points, money and vouchers pay lies between price and payment."""
    wrong = differs("amount of the quote", amount, quote["amount"])
    if not 0 <= quote["to_pay"] <= amount - quote["discount"] <= amount:
        wrong.append(f"the quote of {amount} takes off {quote['discount']} and asks for {quote['to_pay']}")
    return wrong


def of_sale(sale: Json, quote: Json, before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """A sale against the quote for the same, and the card before and after it."""
    wrong = []
    for name in ("amount", "discount", "to_pay"):
        wrong += differs(f"{name} of the sale, as quoted", quote[name], sale[name])
    earned = sum(change["amount"] for change in sale["changes"] if change["unit"] == "points" and change["why"] == "earned")
    wrong += differs("points earned, as quoted", quote["to_earn"]["points"], earned)
    return wrong + of_moves(sale, before, after)


def of_moves(operation: Json, before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """Whether an operation's changes are what became of the card."""
    return differs(f"what is on the card after {operation['kind']} {operation['id']}", plus(before, moved([operation])), dict(after))


def same(what: str, first: Json, again: Json) -> list[str]:
    """Whether an answer that was asked for once more is the first one. The seal may have come in between."""
    names = [name for name in first if name not in ("hash", "actor")]
    return [sentence for name in names for sentence in differs(f"{name} of {what}", first[name], again.get(name))]


def spellings(card: Json, e164: str) -> dict[str, str]:
    """How cashiers and scanners write the same card, by a name of each. e164: the phone number that it was made with."""
    number = card["number"]
    found = {"barcode": card["code"], "number": number, "number in fours": " ".join(number[at:at + 4] for at in range(0, len(number), 4)),
             "number with dashes": "-".join(number[at:at + 4] for at in range(0, len(number), 4)),
             "phone": e164, "phone without its plus": e164[1:]}
    if e164.startswith("+7"):
        rest = e164[2:]
        found |= {"phone with an eight": f"8{rest}", "phone in brackets": f"8 ({rest[:3]}) {rest[3:6]}-{rest[6:8]}-{rest[8:]}"}
    return found


def torn(number: str) -> str:
    """The number with another last digit: what a scanner reads from a bent card."""
    return number[:-1] + str((int(number[-1]) + 1) % 10)


def share(amounts: Sequence[float], part: float) -> float:
    """The amount that this part of all are below; 0 where there are none."""
    return sorted(amounts)[min(len(amounts) - 1, int(len(amounts) * part))] if amounts else 0.0
