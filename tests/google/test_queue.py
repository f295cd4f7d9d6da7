"""From a press to a card at Google that stays true, whatever Google and the network do."""
from app.context import Context
from app.google import service
from tests.google.conftest import Wallet
from tests.shops import make_card, make_shop


async def pressed(here: Context, wallet: Wallet, **wishes: object):  # type: ignore[no-untyped-def]
    shop = await make_shop(here)
    card = await make_card(here, shop, points=120)
    link = await service.save_link(here, card, here.clock.now())
    return shop, card, link


async def test_nothing_is_at_google_before_the_press_and_class_and_object_after_it(here: Context, wallet: Wallet):
    shop = await make_shop(here)
    card = await make_card(here, shop, points=120)
    await service.sync_due(here)
    assert wallet.network.sent == 0
    link = await service.save_link(here, card, here.clock.now())
    assert wallet.calls() == ["POST loyaltyClass", "POST loyaltyObject"]
    [stored] = wallet.fake.shelf.objects.values()
    assert stored["loyaltyPoints"]["balance"] == {"int": 120}
    assert wallet.fake.opened(link.rpartition("/")[2])["id"] == stored["id"]
