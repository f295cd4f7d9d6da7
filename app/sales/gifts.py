"""What rules give away with a receipt: vouchers for later, and rewards at once, some of which take money off this very receipt."""
from collections.abc import Mapping
from typing import NamedTuple

from app.programs import terms
from app.sales.basket import Basket
from app.sales.conditions import Scene
from app.sales.judgement import Given, UsedReward
from app.sales.rulebook import Ready

OFF_THE_WHOLE = ("discount", "money_off")


class Gift(NamedTuple):
    """A gift that a rule gives. used: the reward that lessens this receipt, None where there is nothing to take off."""

    ready: Ready
    used: UsedReward | None = None

    @property
    def is_off_the_whole(self) -> bool:
        return self.used is not None and self.used.kind in OFF_THE_WHOLE


def decide(basket: Basket, scene: Scene, rules: tuple[Ready, ...]) -> list[Gift]:
    """The gifts of a receipt as it stands after the discounts of its lines. A reward that is not there is not given: the rule does
    nothing, and an exclusive one stops no other."""
    catalogue, given = scene.receipt.catalogue, dict[str, int]()
    for used in scene.receipt.rewards:
        given[used.key] = given.get(used.key, 0) + 1
    found: list[Gift] = []
    for ready in rules:
        if not ready.holds(scene) or (ready.of_lines and not ready.chosen(basket, scene.standing)):
            continue
        if not ready.capped(1, scene.standing):
            continue
        gift = Gift(ready)
        if isinstance(ready.effect, terms.GiveReward) and catalogue is not None:
            reward = _there(catalogue, ready.effect.reward, given)
            if reward is None or (reward.kind in OFF_THE_WHOLE and not basket.total):
                continue
            given[reward.key] = given.get(reward.key, 0) + 1
            gift = Gift(ready, reward if reward.kind in (*OFF_THE_WHOLE, "product") else None)
        found.append(gift)
        if ready.is_exclusive:
            break
    return found


def _there(catalogue: Mapping[str, UsedReward], key: str, given: Mapping[str, int]) -> UsedReward | None:
    """The reward, unless this receipt uses up the last ones already."""
    reward = catalogue.get(key)
    return None if reward is None or (reward.stock is not None and reward.stock <= given.get(key, 0)) else reward


def given_by(ready: Ready) -> Given:
    if isinstance(ready.effect, terms.GiveVoucher):
        return Given(ready.effect.reward, ready.key, ready.effect.days)
    assert isinstance(ready.effect, terms.GiveReward)
    return Given(ready.effect.reward, ready.key, at_once=True)
