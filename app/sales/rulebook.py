"""A programme's rules made ready for judging: sorted, their conditions read once, those of no use for a purchase left out."""
from functools import lru_cache

from app.programs import terms
from app.programs.rules import WHOLE_BP, ProgramRules
from app.programs.terms import Level, Rule, When
from app.sales.basket import Basket, Chosen
from app.sales.conditions import Question, Scene, questions
from app.standing.rules import Standing

_KINDS = {terms.Discount: "discount", terms.BuyGet: "discount", terms.Earn: "earn", terms.EarnRate: "earn", terms.Multiply: "earn",
          terms.GiveVoucher: "voucher", terms.GiveReward: "reward"}


class Ready:
    """A rule whose conditions are questions. what: as `Applied.what`; of_lines: it works on lines or pieces of them."""

    __slots__ = ("_any", "_categories", "_questions", "_skus", "effect", "is_exclusive", "key", "of_lines", "rule", "what")

    def __init__(self, rule: Rule) -> None:
        when = rule.when
        self.rule, self.key, self.effect, self.is_exclusive = rule, rule.key, rule.effect, rule.exclusive
        self.what = _KINDS[type(rule.effect)]
        self.of_lines = has_lines(when) or isinstance(rule.effect, terms.BuyGet)
        self._categories, self._skus = frozenset(when.categories), frozenset(when.skus)
        self._any = not when.categories and not when.skus
        self._questions: tuple[Question, ...] = questions(rule)

    def holds(self, scene: Scene) -> bool:
        """Whether everything but its lines is there."""
        return all([question(scene) for question in self._questions])

    def chosen(self, basket: Basket, standing: Standing) -> Chosen:
        """The pieces that the rule works on; none where it asks for goods that are not on the receipt."""
        when, favourite = self.rule.when, standing.favourite if self.rule.when.favourite else None
        if when.favourite and favourite is None:
            return []
        found = [(number, left) for number, (line, left) in enumerate(zip(basket.lines, basket.left, strict=True)) if left
                 and (self._any or line.category in self._categories or line.sku in self._skus)
                 and (favourite is None or line.sku == favourite)]
        return after(basket.dearest_first(found), when.quantity_from - 1) if when.quantity_from is not None else found

    def room(self, standing: Standing) -> int | None:
        """The most that its caps let it give now; None: as much as it likes."""
        caps, room = self.rule.caps, self.rule.caps.receipt
        for span, cap in (("day", caps.day), ("person", caps.person), ("campaign", caps.campaign)):
            if cap is not None:
                left = max(0, cap - standing.uses.get((self.key, span), 0))
                room = left if room is None else min(room, left)
        return room

    def capped(self, amount: int, standing: Standing) -> int:
        room = self.room(standing) if self.rule.caps != _NO_CAPS else None
        return amount if room is None else min(amount, room)


_NO_CAPS = terms.Caps()


class Book:
    """Rules by sort, in the order in which they are judged: discounts of lines, of the receipt, earning, gifts; by event."""

    __slots__ = ("_first", "_levels", "earning", "events", "gifts", "lines", "receipt")

    def __init__(self, rules: ProgramRules) -> None:
        ready = sorted((Ready(rule) for rule in rules.rules if not rule.paused), key=lambda some: (-some.rule.priority, some.key))
        bought = [some for some in ready if some.rule.when.event is None]
        discounts = [some for some in bought if some.what == "discount"]
        self.lines = tuple(some for some in discounts if some.of_lines)
        self.receipt = tuple(some for some in discounts if not some.of_lines)
        # What lessens comes first: what a category does not earn cannot be doubled either.
        self.earning = tuple(sorted((some for some in bought if some.what == "earn"), key=lambda some: not lessens(some.rule)))
        self.gifts = tuple(some for some in bought if some.what in ("voucher", "reward"))
        self.events = tuple(some for some in ready if some.rule.when.event is not None)
        levels = rules.levels.levels if rules.levels else ()
        self._levels: dict[str | None, Level] = {level.key: level for level in levels}
        self._first = next((level for level in levels if level.threshold == 0), None)

    def level_of(self, standing: Standing) -> Level | None:
        """The level that counts: the one held, else the one that everybody begins with, if there is one."""
        return self._levels.get(standing.level, self._first)


@lru_cache(256)
def book_of(rules: ProgramRules) -> Book:
    return Book(rules)


def has_lines(when: When) -> bool:
    """Whether conditions choose lines or pieces, rather than the whole receipt."""
    return bool(when.categories or when.skus or when.favourite or when.quantity_from is not None)


def lessens(rule: Rule) -> bool:
    return isinstance(rule.effect, terms.Multiply) and rule.effect.by_bp < WHOLE_BP


def after(chosen: Chosen, skipped: int) -> Chosen:
    """What is left of chosen pieces without the first `skipped` of them."""
    found = []
    for number, count in chosen:
        if count > skipped:
            found.append((number, count - skipped))
        skipped = max(0, skipped - count)
    return found
