"""/k/{token}: a coupon that nobody makes up, redeemed once without a till, or put on a card; looking at it changes nothing."""
import asyncio
import re
from datetime import date

import pytest
from msgspec.structs import replace

from app.benefits import coupons, promo
from app.benefits import rewards as catalogue
from app.benefits import service as benefits
from app.benefits.rules import RewardWish, Terms
from app.card_pages import service as card_pages
from app.cards import service as cards
from app.db import write_transaction
from app.ledger import service as ledger
from app.programs import service as programs
from app.programs.terms import Earn, Rule, Said, When
from app.sales import occasions
from app.secrets import new_secret
from tests import engines
from tests.console.visiting import rows, words_of
from tests.shops import PASSWORD, RULES, make_card

HOST = "https://cards.example.com"


@pytest.fixture
def database_url(tmp_path):
    """What pages add is the same on both engines; what stands behind them is tested on both."""
    return engines.sqlite_url(tmp_path, migrated=True)


async def print_coupons(here, shop, *codes, key="autumn", stock=None, reward="coffee", **terms):
    """Coupons for a free coffee; gives the path of each."""
    now = here.clock.now()
    if reward:
        await catalogue.create_reward(here.db, shop.who, shop.program_id,
                                      RewardWish(reward, "service", Said("A free coffee", "Кофе в подарок"), stock=stock), now)
    batch = await promo.create_batch(here.db, shop.who, shop.program_id, Terms(key, "Autumn leaflet", "coupon", reward=reward, **terms),
                                     codes or ["AAAACCCCDD"], now)
    return [f"/k/{coupons.token_of(here.ring, here.ids, code_id)}" for code_id, _, _ in await promo.codes_of(here.db, batch)]


async def till_of(client, slug="coffee"):
    """The cookie of a cashier's phone."""
    answer = await client.post("/till/sign-in", data={"email": f"cashier@{slug}.example.com", "password": PASSWORD},
                               headers={"Origin": HOST})
    client.cookies.clear()
    return answer.headers["set-cookie"].split(";")[0]


async def redeem(client, path, cookie, **fields):
    """The one button, as a browser without a referrer presses it."""
    page = await client.get(path, headers={"Cookie": cookie})
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    return await client.post(f"{path}/redeem", data={"csrf": token[1] if token else "", **fields},
                             headers={"Cookie": cookie, "Origin": "null", "Sec-Fetch-Site": "same-origin"})


async def browser_of(here, card):
    """The cookie of a browser that activated the card."""
    secret, now = new_secret(), here.clock.now()
    await write_transaction(here.db, lambda tx: card_pages.remember(tx, here.ring, card.business_id, card.id, secret, "seen", now))
    return f"__Host-tessera-card-{here.ids.encode('card', card.id)}={secret}"


async def test_looking_at_a_coupon_says_what_it_gives_and_changes_nothing(client, here, shop):
    [path] = await print_coupons(here, shop)
    before = await rows(here)
    for language, words in (("en", "A free coffee"), ("ru", "Кофе в подарок")):
        page = await client.get(path, headers={"Accept-Language": language})
        assert page.status_code == 200 and words in words_of(page) and "AAAA-CCCC-DD" in page.text
        assert len(page.content) < 60_000 and "/redeem" not in page.text
        assert page.headers["referrer-policy"] == "no-referrer" and "no-store" in page.headers["cache-control"]
    assert await rows(here) == before


async def test_a_changed_letter_leads_nowhere_and_is_seen_before_any_look_up(client, here, shop):
    [path] = await print_coupons(here, shop)
    for wrong in (path[:-1] + ("0" if path[-1] != "0" else "1"), path[:4] + ("0" if path[4] != "0" else "1") + path[5:], path[:-2],
                  path + "0", "/k/x"):
        assert (await client.get(wrong)).status_code == 404
        token = wrong.removeprefix("/k/")
        assert coupons.code_id_of(here.ring, here.ids, token) is None


async def test_whoever_guesses_addresses_is_stopped(client, here, shop):
    for _ in range(60):
        assert (await client.get("/k/" + "0" * 29)).status_code == 404
    assert (await client.get("/k/" + "0" * 29)).status_code == 429


async def test_a_cashiers_phone_redeems_it_once_and_keeps_who_and_where(client, here, shop):
    [path] = await print_coupons(here, shop, stock=1)
    cookie = await till_of(client)
    answer = await redeem(client, path, cookie)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=redeemed")
    assert "Redeemed just now. Hand it over." in words_of(await client.get(f"{path}?done=redeemed", headers={"Cookie": cookie}))
    use = await here.db.fetch_one("SELECT * FROM promo_uses")
    assert (use["actor_kind"], use["actor_id"], use["account_id"]) == ("staff", shop.cashier.id, None)
    assert await here.db.fetch_val("SELECT COUNT(*) FROM audit_entries WHERE action = 'coupon.redeemed'") == 1
    assert (await catalogue.get_reward(here.db, shop.business_id, shop.program_id, "coffee")).stock == 0


async def test_a_second_try_reads_when_and_where_the_first_one_was(client, here, shop):
    [path] = await print_coupons(here, shop)
    cookie = await till_of(client)
    await here.db.fetch_val("UPDATE sessions SET location_id = :place RETURNING id", {"place": shop.location_id})
    page = await client.get(path, headers={"Cookie": cookie})
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)[1]
    answers = [await client.post(f"{path}/redeem", data={"csrf": token}, headers={"Cookie": cookie}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 409]
    assert "It was used already." in words_of(answers[1]) and "Pushkin Street" in words_of(answers[1]) and "12:00" in words_of(answers[1])
    assert await here.db.fetch_val("SELECT COUNT(*) FROM promo_uses") == 1


async def test_without_a_till_session_or_its_token_nothing_is_redeemed(client, here, shop, other_shop):
    [path] = await print_coupons(here, shop)
    stranger, cookie = await till_of(client, "leaf"), await till_of(client)
    before = await rows(here)
    assert (await client.post(f"{path}/redeem", headers={"Origin": "null"})).headers["location"].startswith("/till/sign-in")
    assert (await client.post(f"{path}/redeem", data={"csrf": "0" * 32}, headers={"Cookie": cookie})).status_code == 403
    page = await client.get(path, headers={"Cookie": cookie})
    token = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)[1]
    foreign = await client.post(f"{path}/redeem", data={"csrf": token}, headers={"Cookie": cookie, "Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert "/redeem" not in (await client.get(path, headers={"Cookie": stranger})).text
    assert await rows(here) == before


async def test_another_business_redeems_nothing_of_ours(here, shop, other_shop):
    [path] = await print_coupons(here, shop)
    code_id = coupons.code_id_of(here.ring, here.ids, path.removeprefix("/k/"))
    before = await rows(here)
    with pytest.raises(coupons.UnknownCode):
        await coupons.redeem(here.db, other_shop.cashier, code_id, here.clock.now())
    assert await rows(here) == before


async def test_of_phones_racing_for_one_coupon_one_redeems_it(here, shop):
    [path] = await print_coupons(here, shop)
    code_id = coupons.code_id_of(here.ring, here.ids, path.removeprefix("/k/"))
    answers = await asyncio.gather(*(coupons.redeem(here.db, shop.cashier, code_id, here.clock.now()) for _ in range(5)),
                                   return_exceptions=True)
    assert sorted(answer is None for answer in answers) == [False, False, False, False, True]


async def test_a_coupon_whose_gift_ran_out_is_refused_with_a_sentence_and_stays_good(client, here, shop):
    first, second = await print_coupons(here, shop, "AAAACCCCDD", "AAAACCCCEE", stock=1)
    cookie = await till_of(client)
    await redeem(client, first, cookie)
    answer = await redeem(client, second, cookie)
    assert answer.status_code == 409 and "out of stock" in words_of(answer) and "It can be used." in words_of(answer)
    assert await here.db.fetch_val("SELECT COUNT(*) FROM promo_uses") == 1


async def test_its_page_says_when_it_is_too_early_ended_or_closed(client, here, shop):
    [path] = await print_coupons(here, shop, starts_on=date(2026, 11, 24), ends_on=date(2026, 11, 25))
    assert "It is too early." in words_of(await client.get(path))
    here.clock.advance(days=2)
    assert "It can be used. Good until" in words_of(await client.get(path))
    here.clock.advance(days=2)
    assert "This coupon has ended." in words_of(await client.get(path))
    [path] = await print_coupons(here, shop, "BBBB", key="winter", reward=None)
    await promo.close_batch(here.db, shop.who, shop.program_id, "winter", here.clock.now())
    assert "This coupon has ended." in words_of(await client.get(path))


async def test_a_browser_with_a_card_puts_it_on_that_card(client, here, shop):
    [path], card = await print_coupons(here, shop), await make_card(here, shop)
    cookie = await browser_of(here, card)
    page = await client.get(path, headers={"Cookie": cookie})
    assert f"ending in {card.number[-4:]}" in words_of(page)
    answer = await client.post(f"{path}/card", data={"card": here.ids.encode("card", card.id)}, headers={"Cookie": cookie})
    assert answer.headers["location"] == f"{path}?done=card"
    [voucher] = await benefits.vouchers_of(here.db, shop.business_id, card.account_id, here.clock.now())
    assert (voucher.rewards, voucher.source) == (("coffee",), "coupon")
    assert "It was put on a card already." in words_of(await client.get(path))
    again = await client.post(f"{path}/card", data={"card": here.ids.encode("card", card.id)}, headers={"Cookie": cookie})
    assert again.status_code == 409 and await here.db.fetch_val("SELECT COUNT(*) FROM vouchers") == 1


async def test_nobody_puts_it_on_a_card_that_is_not_theirs(client, here, shop):
    [path], card = await print_coupons(here, shop), await make_card(here, shop)
    forged = f"__Host-tessera-card-{here.ids.encode('card', card.id)}=nothing"
    before = await rows(here)
    for cookie in ("", forged):
        answer = await client.post(f"{path}/card", data={"card": here.ids.encode("card", card.id)}, headers={"Cookie": cookie})
        assert answer.status_code == 403
    assert await rows(here) == before


async def link_of(here, card):
    return "/c/" + await write_transaction(here.db, lambda tx: cards.page_link(tx, here.ring, card, "card", here.clock.now()))


async def test_the_letters_typed_on_a_cards_page_move_it_there(client, here, shop):
    await print_coupons(here, shop)
    card = await make_card(here, shop)
    page = await link_of(here, card) + "/coupon"
    wrong = await client.post(page, data={"code": "NOBODYS"}, headers={"Origin": "null"})
    assert wrong.status_code == 409 and "There is no such promo code here" in words_of(wrong)
    answer = await client.post(page, data={"code": "аааа-сссс-dd"}, headers={"Origin": "null"})
    assert answer.status_code == 200 and "It is on your card now." in words_of(answer)
    again = await client.post(page, data={"code": "AAAACCCCDD"})
    assert again.status_code == 409 and "was used with this card already" in words_of(again)
    assert await here.db.fetch_val("SELECT COUNT(*) FROM vouchers") == 1


async def test_a_coupon_waits_in_the_browser_for_the_card_that_is_made_next(client, here, shop):
    [path] = await print_coupons(here, shop)
    kept = await client.post(f"{path}/keep", headers={"Origin": "null"})
    assert kept.status_code == 303 and kept.headers["location"].startswith("/e/coffee/")
    cookie = kept.headers["set-cookie"].split(";")[0]
    page = await client.get(await link_of(here, await make_card(here, shop)) + "/coupon", headers={"Cookie": cookie})
    assert 'value="AAAA-CCCC-DD"' in page.text


async def test_a_coupon_that_only_counts_with_a_purchase_does_not_move(client, here, shop):
    await print_coupons(here, shop, reward=None)
    page = await link_of(here, await make_card(here, shop)) + "/coupon"
    answer = await client.post(page, data={"code": "AAAACCCCDD"})
    assert answer.status_code == 409 and "with a purchase" in words_of(answer)
    assert await here.db.fetch_val("SELECT COUNT(*) FROM promo_uses") == 0


async def test_a_coupon_without_a_reward_proves_that_something_was_done_and_counts_once(client, here, shop, card):
    """A QR code under a review form, on returned packaging: one a piece, told as the event that is called like its batch."""
    path, other = await print_coupons(here, shop, "AAAACCCCDD", "AAAACCCCEE", key="review", reward=None, per_person=1)
    cookie = await browser_of(here, card)
    refused = await client.post(f"{path}/card", data={"card": here.ids.encode("card", card.id)}, headers={"Cookie": cookie, "Origin": HOST})
    assert refused.status_code == 409
    rules = replace(RULES, rules=(Rule("thanks", Said("For a review"), Earn(30), When(event="review")),))
    await programs.change_rules(here.db, shop.who, shop.program_id, rules, here.clock.now())
    for address, status in ((path, 303), (path, 409), (other, 409)):
        answer = await client.post(f"{address}/card", data={"card": here.ids.encode("card", card.id)},
                                   headers={"Cookie": cookie, "Origin": HOST})
        assert answer.status_code == status
    before = (await ledger.balances(here.db, card.account_id))["points"]
    assert [await occasions.give_claimed(here.db, here.clock.now()) for _ in range(2)] == [1, 0]
    assert (await ledger.balances(here.db, card.account_id))["points"] == before + 30
