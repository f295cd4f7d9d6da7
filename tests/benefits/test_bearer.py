"""A stamp card without a name: stamps become a voucher, the voucher a coffee, and a refund undoes it."""
import pytest

from app.benefits import service as benefits
from app.benefits.rules import RewardWish, VoucherUsed
from app.cards import service as cards
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.terms import Conversion, Said, Stamps
from app.sales import service as sales
from app.sales.rules import RefundRequest, SaleRequest
from tests import engines

STAMPS = ProgramRules(earn_points=0, stamps=Stamps(Conversion(3, ("coffee",))))


@pytest.fixture
def database_url(tmp_path):
    """The parts are tested on both engines; here they meet."""
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
async def card(here, shop):
    """A bearer's card of a programme whose third stamp is a coffee of which there are two."""
    now = here.clock.now()
    await benefits.create_reward(here.db, shop.who, shop.program_id, RewardWish("coffee", "service", Said("Coffee", "Кофе"), stock=2), now)
    await programs.change_rules(here.db, shop.who, shop.program_id, STAMPS, now)
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    return (await cards.issue_bearer(here.db, here.ring, shop.who, program, None, now))[0]


async def buy(here, shop, card, **more):
    here.clock.advance(minutes=1)
    return (await sales.sell(here.db, shop.key_principal, SaleRequest(card.id, 20_000, **more), None, here.clock.now())).operation


async def held(here, shop, card):
    """Stamps on the card, its open vouchers, and how many coffees are left."""
    now = here.clock.now()
    stock = (await benefits.get_reward(here.db, shop.business_id, shop.program_id, "coffee")).stock
    return (await ledger.balances(here.db, card.account_id)).get("stamps", 0), await benefits.vouchers_of(
        here.db, shop.business_id, card.account_id, now), stock


async def test_the_third_stamp_becomes_a_voucher_that_pays_a_coffee_once(here, shop, card):
    for _ in range(2):
        await buy(here, shop, card)
    assert (await held(here, shop, card))[:2] == (2, [])
    await buy(here, shop, card)
    stamps, [voucher], stock = await held(here, shop, card)
    assert (stamps, voucher.rewards, stock) == (0, ("coffee",), 1)
    await buy(here, shop, card, vouchers=[(voucher.id, None)])
    assert (await held(here, shop, card))[:2] == (1, [])
    with pytest.raises(VoucherUsed):
        await buy(here, shop, card, vouchers=[(voucher.id, None)])
    assert (await held(here, shop, card))[0] == 1


async def test_a_refund_of_the_third_purchase_takes_the_voucher_and_gives_the_stamps_and_the_coffee_back(here, shop, card):
    *_, third = [await buy(here, shop, card) for _ in range(3)]
    await sales.refund(here.db, shop.key_principal, RefundRequest(third.id, None), None, here.clock.now())
    assert await held(here, shop, card) == (2, [], 2)
