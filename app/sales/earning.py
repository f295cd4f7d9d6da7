"""What a receipt puts into the account and which gifts it brings, after discounts and what points paid."""
from collections.abc import Sequence

from app.money import floor_div, share_floor
from app.programs import terms
from app.programs.rules import WHOLE_BP, ProgramRules
from app.programs.terms import Level
from app.sales.basket import Basket, Chosen, spread
from app.sales.conditions import Scene
from app.sales.gifts import Gift, given_by
from app.sales.judgement import Applied, Gain, Given
from app.sales.rulebook import Book, Ready


class Earned:
    """What is put into the account. parts: line by line, unit → what is its own; what falls to no line goes with the last of them.

    base: for the whole receipt, before rules; counted: what of each line's paid money earns of it, times scale: rules that lessen
    the base lessen this, so that the points of some lines are rounded once, from the receipt's."""

    __slots__ = ("applied", "base", "basket", "counted", "gains", "given", "paid", "parts", "scale", "to_pay", "unit")

    def __init__(self, basket: Basket, to_pay: int, unit: str) -> None:
        self.basket, self.unit, self.to_pay = basket, unit, to_pay
        self.paid = spread(to_pay, basket.nets)
        self.base, self.counted, self.scale = 0, self.paid, 1
        self.gains: list[Gain] = []
        self.applied: list[Applied] = []
        self.given: list[Given] = []
        self.parts: list[dict[str, int]] = [{} for _ in basket.nets]

    def gain(self, gain: Gain, parts: Sequence[int]) -> None:
        self.gains.append(gain)
        for own, part in zip(self.parts, parts, strict=True):
            if part:
                own[gain.unit] = own.get(gain.unit, 0) + part

    def base_of(self, counted: int, by_bp: int = WHOLE_BP) -> int:
        """by_bp of the base points for a part of `counted`, rounded down."""
        return floor_div(self.base * counted * by_bp, self.to_pay * self.scale * WHOLE_BP) if self.base else 0

    def lessen(self, chosen: Sequence[int], by_bp: int) -> None:
        """Let `chosen` (line by line, of what counts) count by_bp of what it did."""
        self.counted = [some * WHOLE_BP - part * (WHOLE_BP - by_bp) for some, part in zip(self.counted, chosen, strict=True)]
        self.scale *= WHOLE_BP

    def whole_receipt(self) -> Sequence[int]:
        """The weights by which something for the whole receipt falls to lines."""
        return self.paid if any(self.paid) else self.basket.nets

    def of(self, amounts: Sequence[int], chosen: Chosen) -> list[int]:
        """Line by line, what the chosen pieces have of the lines' amounts."""
        weights = [0] * len(amounts)
        for number, count in chosen:
            weights[number] = self.basket.last_pieces(number, count, amounts[number])
        return weights


def base_points(rules: ProgramRules, level: Level | None, paid: int) -> int:
    """Points for what was paid in money, rounded down once; a level's rate stands instead of the programme's."""
    points = rules.earn_points if level is None or level.earn_points is None else level.earn_points
    if rules.earn_mode == "whole_steps":
        return floor_div(paid, rules.earn_per_minor) * points
    return floor_div(paid * points, rules.earn_per_minor)


def earn(earned: Earned, scene: Scene, rules: ProgramRules, book: Book, level: Level | None) -> None:
    """Everything that a receipt which counts puts into the account: base, rules, progress, stamps, charity."""
    base = earned.base = base_points(rules, level, earned.to_pay)
    extra = _by_rules(earned, scene, book.earning) if book.earning else []
    if earned.scale != 1:
        base = earned.base_of(sum(earned.counted))
    parts_of_base = spread(base, earned.counted)
    if base:
        earned.gain(Gain(earned.unit, base), parts_of_base)
    for gain, parts in extra:
        earned.gain(gain, parts)
    if rules.levels is not None:
        _progress(earned, rules.levels, base, parts_of_base)
    if rules.stamps is not None:
        _stamps(earned, rules.stamps)
    if rules.charity is not None:
        _donate(earned, rules.charity)


def _by_rules(earned: Earned, scene: Scene, rules: tuple[Ready, ...]) -> list[tuple[Gain, list[int]]]:
    """What rules earn on top of the base; those that lessen the base have lessened it."""
    extra: list[tuple[Gain, list[int]]] = []
    for ready in rules:
        if not ready.holds(scene):
            continue
        chosen = ready.chosen(earned.basket, scene.standing) if ready.of_lines else None
        if chosen == []:
            continue
        is_multiple = isinstance(ready.effect, terms.Multiply)
        found = _multiplied(earned, scene, ready, chosen) if is_multiple else _added(earned, scene, ready, chosen)
        if not found:
            continue
        unit, amount, parts = found
        earned.applied.append(Applied(ready.key, "earn", amount))
        if amount > 0:
            days, fades = (None, ()) if is_multiple else _life(ready)
            extra.append((Gain(unit, amount, ready.key, days, fades), parts))
        if ready.is_exclusive:
            break
    return extra


_Found = tuple[str, int, list[int]]          # unit, amount (< 0: taken off the base), its parts by line


def _multiplied(earned: Earned, scene: Scene, ready: Ready, chosen: Chosen | None) -> _Found | None:
    """The base of the chosen pieces (or the receipt) times by_bp: what that is more, or less, than the base; rounded down."""
    effect = ready.effect
    assert isinstance(effect, terms.Multiply)
    counted = earned.counted if chosen is None else earned.of(earned.counted, chosen)
    if effect.by_bp < WHOLE_BP:
        before = earned.base_of(sum(earned.counted))
        earned.lessen(counted, effect.by_bp)
        amount = earned.base_of(sum(earned.counted)) - before
        return (earned.unit, amount, []) if amount else None
    amount = ready.capped(earned.base_of(sum(counted), effect.by_bp - WHOLE_BP), scene.standing)
    return (earned.unit, amount, spread(amount, counted)) if amount else None


def _added(earned: Earned, scene: Scene, ready: Ready, chosen: Chosen | None) -> _Found | None:
    """A number of its own, or a rate on what was paid for the chosen pieces, rounded down once."""
    effect, unit = ready.effect, earned.unit
    weights = earned.whole_receipt() if chosen is None else earned.of(earned.whole_receipt(), chosen)
    if isinstance(effect, terms.EarnRate):
        paid = sum(earned.paid if chosen is None else earned.of(earned.paid, chosen))
        amount = floor_div(paid * effect.points, effect.per_minor)
    else:
        assert isinstance(effect, terms.Earn)
        amount, unit = effect.amount, effect.unit
        if effect.each:
            weights = _pieces(earned.basket, chosen)
            amount *= sum(weights)
        elif chosen is None and unit in ("stamps", "visits"):
            weights = [0] * len(weights)             # one for the visit, whatever of it comes back
    amount = ready.capped(amount, scene.standing)
    return (unit, amount, spread(amount, weights) if any(weights) else [0] * len(weights)) if amount else None


def _pieces(basket: Basket, chosen: Chosen | None) -> list[int]:
    if chosen is None:
        return basket.left
    found = [0] * len(basket.left)
    for number, count in chosen:
        found[number] = count
    return found


def _life(ready: Ready) -> tuple[int | None, tuple[terms.Fade, ...]]:
    assert isinstance(ready.effect, terms.Earn | terms.EarnRate)
    return ready.effect.days, ready.effect.fades


def _progress(earned: Earned, levels: terms.Levels, base: int, parts_of_base: Sequence[int]) -> None:
    parts: Sequence[int]
    if levels.measure == "spend":
        amount, parts = earned.to_pay, earned.paid
    elif levels.measure == "points":
        amount, parts = base, parts_of_base
    else:
        amount, parts = 1, [0] * len(earned.paid)
    if amount:
        earned.gain(Gain("progress", amount), parts)


def _stamps(earned: Earned, stamps: terms.Stamps) -> None:
    """What was free stamps nothing: neither pieces that a reward paid nor a receipt on which nothing was due."""
    basket, categories, skus = earned.basket, stamps.categories, stamps.skus
    is_any = not categories and not skus
    counts = [bool(left) and (is_any or line.category in categories or line.sku in skus)
              for line, left in zip(basket.lines, basket.left, strict=True)]
    if stamps.by == "visit":
        weights, amount = [0] * len(counts), int(any(counts))
    elif stamps.by == "item":
        weights = [left if counted else 0 for left, counted in zip(basket.left, counts, strict=True)]
        amount = sum(weights)
    else:
        weights = [paid if counted else 0 for paid, counted in zip(earned.paid, counts, strict=True)]
        amount = floor_div(sum(weights), stamps.per_minor)
    if stamps.most_a_receipt is not None:
        amount = min(amount, stamps.most_a_receipt)
    if amount:
        earned.gain(Gain("stamps", amount), spread(amount, weights) if any(weights) else weights)


def _donate(earned: Earned, charity: terms.Charity) -> None:
    """The part for the visit is given with any receipt; the share falls to lines as the money did."""
    share = share_floor(earned.to_pay, charity.share_bp)
    if charity.a_visit_minor + share:
        earned.gain(Gain("donated", charity.a_visit_minor + share), spread(share, earned.paid))


def hand_out(earned: Earned, gifts: Sequence[Gift], counts: bool) -> None:
    """Vouchers for later, and rewards with this receipt; of a receipt that does not count in the end, only what it was lessened by."""
    for gift in gifts:
        if counts or gift.used is not None:
            earned.given.append(given_by(gift.ready))
            earned.applied.append(Applied(gift.ready.key, gift.ready.what, 1))
