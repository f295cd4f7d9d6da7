"""Which products a shopper is offered next."""
from app.programs.terms import Offers
from app.standing.offers import Fresh, Offered, Often, choose

OFFERS = Offers(count=5, new_share_bp=4_000)
OFTEN = [Often("milk", 9, 5), Often("bread", 12, 5), Often("cheese", 9, 7), Often("apples", 9, 5), Often("tea", 1, 9)]
FRESH = [Fresh("kefir", 10), Fresh("figs", 30), Fresh("almonds", 30)]


def skus(offered: list[Offered], why: str) -> list[str]:
    return [one.sku for one in offered if one.why == why]


def test_what_is_bought_often_and_what_is_new_share_the_basket() -> None:
    chosen = choose(OFFERS, OFTEN, FRESH, ())
    assert skus(chosen, "frequent") == ["bread", "cheese", "apples"]
    assert skus(chosen, "new") == ["almonds", "figs"]


def test_either_kind_fills_up_what_the_other_lacks() -> None:
    assert skus(choose(OFFERS, OFTEN, [], ()), "frequent") == ["bread", "cheese", "apples", "milk", "tea"]
    few = choose(OFFERS, OFTEN[:1], FRESH, ())
    assert (skus(few, "frequent"), skus(few, "new")) == (["milk"], ["almonds", "figs", "kefir"])
    assert choose(OFFERS, [], [], ()) == []


def test_the_next_basket_differs_wherever_it_can() -> None:
    chosen = choose(OFFERS, OFTEN, FRESH, {"bread", "cheese", "apples", "almonds", "figs"})
    assert skus(chosen, "frequent") == ["milk", "tea", "bread"]
    assert skus(chosen, "new") == ["kefir", "almonds"]


def test_the_same_past_gives_the_same_basket_in_whatever_order_it_is_read() -> None:
    assert choose(OFFERS, OFTEN[::-1], FRESH[::-1], ()) == choose(OFFERS, OFTEN, FRESH, ())
