"""What comes off a receipt before points pay: goods that a reward makes free, offers, rules on lines, shares of the whole."""
from collections.abc import Sequence

from app.money import floor_div, share_floor
from app.programs import terms
from app.programs.rules import WHOLE_BP, ProgramRules
from app.programs.terms import Level
from app.sales.basket import Basket, Chosen
from app.sales.conditions import Scene
from app.sales.gifts import Gift, decide
from app.sales.judgement import Applied, UsedReward
from app.sales.rulebook import Book, Ready

# As rules in `Judgement.applied`; a rule's own key cannot look like these.
OFFERS, FAVOURITE, REWARD = "*offers", "*favourite", "*reward:"


def discount(basket: Basket, scene: Scene, rules: ProgramRules, book: Book, level: Level | None) -> tuple[list[Applied], list[Gift]]:
    """Take every discount off the basket, in the order of the rules; says what gave how much, and which gifts rules give beside."""
    applied, gifts = list[Applied](), list[Gift]()
    receipt, standing = scene.receipt, scene.standing
    rewards = sorted(receipt.rewards, key=_turn) if receipt.rewards else ()
    for used in rewards:
        if used.kind == "product" and used.sku is not None:
            _note(applied, REWARD + used.key, _free_piece(basket, used.sku))
    if standing.is_member:
        if standing.offers or standing.favourite is not None:
            _off_goods(basket, scene, rules, applied)
        stopped = _by_rules(basket, scene, book.lines, applied, False) if book.lines else False
        scene.amount = basket.total
        if book.gifts and not standing.is_closed and basket.total >= rules.minimum_receipt_minor:
            gifts = decide(basket, scene, book.gifts)
            _free_gifts(basket, gifts, applied)
            scene.amount = basket.total
        # A receipt below the smallest one that counts gets none of it; measured before this discount, which could not be otherwise.
        counts = basket.total >= rules.minimum_receipt_minor
        share = max(rules.discount_bp, level.discount_bp if level else 0) if counts else 0
    else:
        scene.amount, stopped = basket.total, True
        share = rules.membership.discount_outside_bp if rules.membership else 0
    if share:
        basket.total -= share_floor(basket.total, share)
    if not stopped and book.receipt:
        _by_rules(basket, scene, book.receipt, applied, stopped)
    gifts = [gift for gift in gifts if not gift.is_off_the_whole or (gift.used and _use(basket, gift.used, applied))]
    for used in rewards:
        _use(basket, used, applied)
    basket.settle()
    return applied, gifts


def _free_gifts(basket: Basket, gifts: Sequence[Gift], applied: list[Applied]) -> None:
    """Goods that rules give with this receipt: one that is on it becomes free."""
    for gift in gifts:
        if gift.used is not None and gift.used.kind == "product" and gift.used.sku is not None:
            _note(applied, REWARD + gift.used.key, _free_piece(basket, gift.used.sku))


def _use(basket: Basket, used: UsedReward, applied: list[Applied]) -> int:
    """What a reward takes off the whole receipt; says so."""
    off = _off_the_receipt(basket, used)
    basket.total -= off
    _note(applied, REWARD + used.key, off)
    return off


def _turn(used: UsedReward) -> tuple[bool, bool]:
    """A promo code's, then those of vouchers, then what is bought from the catalogue."""
    return used.voucher_id is None and used.unit is not None, used.voucher_id is not None


def _note(applied: list[Applied], key: str, amount: int) -> None:
    if amount:
        applied.append(Applied(key, "discount", amount))


def _free_piece(basket: Basket, sku: str) -> int:
    """One piece, the dearest there is of the goods that the reward names."""
    found = basket.dearest_first([(number, left) for number, left in enumerate(basket.left) if left and basket.lines[number].sku == sku])
    if not found:
        return 0
    piece = [(found[0][0], 1)]
    costs = basket.costs(piece)
    basket.take(piece, costs[0], costs)
    return costs[0]


def _off_goods(basket: Basket, scene: Scene, rules: ProgramRules, applied: list[Applied]) -> None:
    """The shopper's own offers, then the favourite product."""
    standing = scene.standing
    if standing.offers:
        _note(applied, OFFERS, sum([_share_off(basket, [some], standing.offers[sku]) for some in _whole(basket)
                                    if (sku := basket.lines[some[0]].sku) is not None and sku in standing.offers]))
    if rules.favourite is not None and standing.favourite is not None:
        lines = [some for some in _whole(basket) if basket.lines[some[0]].sku == standing.favourite]
        _note(applied, FAVOURITE, _share_off(basket, lines, rules.favourite.discount_bp))


def _whole(basket: Basket) -> Chosen:
    return [(number, left) for number, left in enumerate(basket.left) if left]


def _share_off(basket: Basket, chosen: Chosen, share_bp: int) -> int:
    costs = basket.costs(chosen)
    off = share_floor(sum(costs), share_bp)
    basket.take(chosen, off, costs)
    return off


def _by_rules(basket: Basket, scene: Scene, rules: tuple[Ready, ...], applied: list[Applied], stopped: bool) -> bool:
    """Whether an exclusive rule has stopped those after it."""
    for ready in rules:
        if stopped:
            break
        if ready.of_lines:
            scene.amount = basket.total
        if not ready.holds(scene):
            continue
        off = _lines_off(basket, scene, ready) if ready.of_lines else _receipt_off(basket, scene, ready)
        _note(applied, ready.key, off)
        stopped = ready.is_exclusive and off > 0
    return stopped


def _lines_off(basket: Basket, scene: Scene, ready: Ready) -> int:
    chosen, effect = ready.chosen(basket, scene.standing), ready.effect
    if isinstance(effect, terms.BuyGet):
        chosen = _got(basket.dearest_first(chosen), effect)
    costs = basket.costs(chosen)
    whole = sum(costs)
    if isinstance(effect, terms.BuyGet):
        off = share_floor(whole, effect.discount_bp)
    else:
        assert isinstance(effect, terms.Discount)
        off = share_floor(whole, effect.share_bp) if effect.share_bp else min(whole, effect.amount_minor)
    off = ready.capped(off, scene.standing)
    if off:
        basket.take(chosen, off, costs)
    return off


def _got(chosen: Chosen, effect: terms.BuyGet) -> Chosen:
    """Pieces laid out from the dearest: of every full group of buy + get the last `get`, so that nobody gains by paying twice."""
    group = effect.buy + effect.get
    in_groups = floor_div(sum([count for _, count in chosen]), group) * group

    def got(pieces: int) -> int:
        full, rest = divmod(min(pieces, in_groups), group)
        return full * effect.get + max(0, rest - effect.buy)

    found, begin = [], 0
    for number, count in chosen:
        if some := got(begin + count) - got(begin):
            found.append((number, some))
        begin += count
    return found


def _receipt_off(basket: Basket, scene: Scene, ready: Ready) -> int:
    effect = ready.effect
    assert isinstance(effect, terms.Discount)
    off = share_floor(basket.total, effect.share_bp) if effect.share_bp else min(basket.total, effect.amount_minor)
    off = ready.capped(off, scene.standing)
    basket.total -= off
    return off


def _off_the_receipt(basket: Basket, used: UsedReward) -> int:
    if used.kind == "discount":
        return share_floor(basket.total, min(used.value, WHOLE_BP))
    return min(basket.total, used.value) if used.kind == "money_off" else 0
