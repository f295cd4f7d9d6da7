"""What a member's key sees and does of a coalition besides selling: it reads programmes and hands rewards over, and sets nothing."""
from app.benefits import service as benefits
from app.benefits.rules import RewardWish
from app.programs.terms import Said
from tests.coalition.conftest import Together
from tests.till.calling import written


async def test_a_member_reads_the_coalition_s_programme_and_sets_nothing_of_it(together: Together) -> None:
    till, program = together.tills["cafe"], together.tills["own"].program
    listed = (await till.get("/programs")).json()["items"]
    assert [one["id"] for one in listed] == [till.program, program]
    assert (await till.get(f"/programs/{program}")).json() == listed[1]
    assert (await till.get(f"/programs/{program}/rules")).status_code == 200
    before = await written(together.here)
    card = till.id("card", together.card.id)
    for method, path, body in (
            ("PUT", f"/programs/{program}/rules", {"rules": {"earn_points": 1}}),
            ("POST", f"/programs/{program}/closing", {"earns_until": "2027-01-01T00:00:00Z", "spends_until": "2027-03-01T00:00:00Z"}),
            ("POST", f"/programs/{program}/rewards", {"key": "tea", "kind": "text", "name": {"en": "Tea"}}),
            ("GET", f"/programs/{program}/promo-batches", None),
            ("PUT", f"/cards/{card}/level", {"level": None, "reason": "a test"}),
            ("POST", f"/cards/{card}/adjustments", {"unit": "points", "amount": 1, "reason": "a test"}),
            ("POST", f"/cards/{card}/merge", {"card": card}), ("POST", f"/cards/{card}/favourite", {"sku": "1"})):
        answer = await till.client.request(method, f"/api/v1{path}", json=body, headers={**till.headers, "Idempotency-Key": path[:200]})
        assert answer.status_code == 404, (method, path, answer.text)
    assert await written(together.here) == before


async def test_a_member_hands_over_rewards_of_the_coalition_and_not_its_own(together: Together) -> None:
    here, own, cafe = together.here, together.own, together.cafe
    wish = RewardWish("coffee", "text", Said("Coffee", "Кофе"), unit="points", cost=10)
    shared, home = [await benefits.create_reward(here.db, shop.who, shop.program_id, wish, here.clock.now()) for shop in (own, cafe)]
    await together.sale("books", 100_000)
    till = together.tills["cafe"]
    card = till.id("card", together.card.id)
    wrong = await till.post(f"/cards/{card}/claims", {"reward": till.id("reward", home.id)})
    assert wrong.status_code == 404
    claimed = await till.post(f"/cards/{card}/claims", {"reward": till.id("reward", shared.id)})
    assert (claimed.status_code, claimed.json()["balances"]["points"]) == (201, 40), claimed.text
    sold = await together.sale("cafe", 10_000, rewards=[till.id("reward", shared.id)])
    assert [one["rewards"][0]["key"] for one in sold["vouchers"]["used"]] == ["coffee"]
