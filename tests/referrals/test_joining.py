"""From a friend's link to both rewards, and a club's closed door, through the application."""
import json
import re
from typing import Any

import msgspec
import pytest

from app import secrets
from app.cards import service as cards
from app.context import Context
from app.db import write_transaction
from app.enrolment import plastic
from app.enrolment.ways import Ways, set_ways
from app.mail import service as mail
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.terms import Club
from app.referrals import service
from app.settings import Settings, load
from tests.conftest import Shop
from tests.enrolment.joining import ANNA, TERMS, Joining
from tests.referrals.conftest import TERMS as REWARDS
from tests.referrals.conftest import Friends
from tests.shops import RULES, make_card
from tests.till.calling import on_sqlite

BORIS = "+79161239999"
PAGE = "/e/coffee/points"


@pytest.fixture
def joining(here: Context, shop: Shop) -> Joining:
    return Joining(here, shop)


async def page_of(here: Context, card: Any) -> str:
    token = await write_transaction(here.db, lambda tx: cards.page_link(tx, here.ring, card, "card", here.clock.now()))
    return f"/c/{token}"


async def join(client: Any, joining: Joining, address: str, phone: str) -> int:
    """Asks on the page, follows the message and finishes; the answer of the last step."""
    asked = await client.post(address, data={"phone": phone})
    assert asked.status_code == 200, asked.text
    await joining.deliver()
    return (await client.post(joining.inbox.path(phone), data=TERMS)).status_code


@on_sqlite
async def test_a_friend_follows_the_link_on_a_shopper_s_page_buys_and_both_are_rewarded(
        client: Any, friends: Friends, joining: Joining) -> None:
    here, giver = friends.here, await make_card(friends.here, friends.shop, phone=ANNA)
    page = await page_of(here, giver)
    before = (await client.get(page)).text
    assert "friend=" not in before and "Bring a friend" in before
    assert await here.db.fetch_val("SELECT COUNT(*) FROM invitations") == 0
    assert (await client.post(f"{page}/invite")).status_code == 303
    assert (await client.post(f"{page}/invite")).status_code == 303
    link = re.search(r"https://cards\.example\.com(/e/coffee/points\?friend=\w+)", (await client.get(page)).text)
    assert link is not None
    assert "friend=" in re.search(r'action="([^"]+)"', (await client.get(link[1])).text)[1]      # the form keeps it
    assert await join(client, joining, link[1], BORIS) == 303
    assert "Waiting for a purchase: 1" in (await client.get(page, headers={"Accept-Language": "en"})).text
    friend = await here.db.fetch_val("SELECT friend_account_id FROM referrals")
    card_id = await here.db.fetch_val("SELECT id FROM cards WHERE account_id = :account", {"account": friend})
    await friends.buy(await cards.get_card(here.db, friends.shop.business_id, card_id))
    await friends.settle()
    assert await friends.settle(days=14) == 1
    assert await friends.given() == [(giver.account_id, 100), (friend, 50)]
    assert "Brought a gift: 1" in (await client.get(page, headers={"Accept-Language": "en"})).text


@on_sqlite
async def test_whoever_has_a_card_or_follows_a_strange_link_joins_as_ever_and_brings_nothing(
        client: Any, friends: Friends, joining: Joining, other_shop: Shop) -> None:
    giver = await make_card(friends.here, friends.shop, phone=ANNA)
    code = (await friends.invitation(giver)).code
    await client.post(f"{PAGE}?friend={code}", data={"phone": ANNA})
    await joining.deliver()
    assert "/c/" in joining.inbox.link(ANNA)                      # a member gets the link to the card
    for number, strange in enumerate(("nothing", "x" * 41, "../..", "", code.upper() + "x")):
        friends.here.clock.advance(hours=2)                      # texts to strangers are counted by address
        assert await join(client, joining, f"{PAGE}?friend={strange}", f"+7916123880{number}") == 303
    assert await join(client, joining, f"/e/leaf/points?friend={code}", BORIS) == 303
    assert await friends.statuses() == []


@on_sqlite
async def test_a_shop_that_rewards_no_friends_makes_no_invitations(client: Any, here: Context, shop: Shop) -> None:
    page = await page_of(here, await make_card(here, shop))
    assert "/invite" not in (await client.get(page)).text
    assert (await client.post(f"{page}/invite")).status_code == 404
    assert await here.db.fetch_val("SELECT COUNT(*) FROM invitations") == 0


async def closed(here: Context, shop: Shop, club: Club, rules: ProgramRules = RULES) -> None:
    await programs.change_rules(here.db, shop.who, shop.program_id, msgspec.structs.replace(rules, club=club), here.clock.now())


@on_sqlite
async def test_a_closed_club_opens_to_as_many_as_the_link_is_for(client: Any, here: Context, shop: Shop, joining: Joining) -> None:
    await closed(here, shop, Club())
    now = here.clock.now()
    for address in (PAGE, f"{PAGE}?friend=nonsense"):
        shut = await client.get(address, headers={"Accept-Language": "en"})
        assert (shut.status_code, 'name="phone"' in shut.text) == (403, False)
        assert "open to guests with an invitation" in shut.text
        assert (await client.post(address, data={"phone": ANNA})).status_code == 403
    assert await joining.all("enrolments") == []
    made = await service.create_invitation(here.db, shop.who, shop.program_id, "ABCDEFGHJKLM", 1, None, now)
    link = f"{PAGE}?friend={made.code}"
    assert (await client.get(link)).status_code == 200
    # Two ask while there is a place, the first who finishes gets it.
    for phone in (ANNA, BORIS):
        await client.post(link, data={"phone": phone})
    await joining.deliver()
    assert (await client.post(joining.inbox.path(ANNA), data=TERMS)).status_code == 303
    late = await client.post(joining.inbox.path(BORIS), data=TERMS, headers={"Accept-Language": "en"})
    assert (late.status_code, "open to guests with an invitation" in late.text) == (422, True)
    assert await here.db.fetch_val("SELECT COUNT(*) FROM cards WHERE status = 'active'") == 1
    assert (await client.get(link)).status_code == 403


@on_sqlite
async def test_a_link_to_a_club_ends_on_its_day_or_when_it_is_closed(client: Any, here: Context, shop: Shop, other_shop: Shop) -> None:
    await closed(here, shop, Club())
    now = here.clock.now()
    from datetime import timedelta

    from app.errors import NotFound

    short = await service.create_invitation(here.db, shop.who, shop.program_id, "AAAAAAAAAAAA", None, now + timedelta(days=1), now)
    long = await service.create_invitation(here.db, shop.who, shop.program_id, "BBBBBBBBBBBB", None, None, now)
    here.clock.advance(days=1)
    assert [(await client.get(f"{PAGE}?friend={each.code}")).status_code for each in (short, long)] == [403, 200]
    with pytest.raises(NotFound):
        await service.close_invitation(here.db, other_shop.who, long.id, here.clock.now())
    await service.close_invitation(here.db, shop.who, long.id, here.clock.now())
    assert (await client.get(f"{PAGE}?friend={long.code}")).status_code == 403


@on_sqlite
async def test_a_club_for_points_opens_to_members_who_reached_them_and_tells_strangers_nothing(
        client: Any, here: Context, shop: Shop, joining: Joining) -> None:
    now = here.clock.now()

    async def act(tx: Any) -> int:
        from app.designs import service as designs

        club = msgspec.structs.replace(RULES, club=Club(by="points", program="points", points=500))
        made = await programs.create_program(tx, shop.business_id, slug="club", name="Club", rules=club, now=now)
        await tx.execute("INSERT INTO design_versions(business_id, program_id, version, template, content, created_at, created_by) "
                         "SELECT business_id, :made, 1, template, content, created_at, created_by FROM design_versions WHERE "
                         "program_id = :first AND version = 1", {"made": made, "first": shop.program_id})
        assert designs
        return made

    program_id = await write_transaction(here.db, act)
    rich = await make_card(here, shop, phone=ANNA, points=500)
    await make_card(here, shop, phone=BORIS, points=499)
    answers = []
    for phone in (ANNA, BORIS, "+79161230077"):
        answer = await client.post("/e/coffee/club", data={"phone": phone})
        answers.append((answer.status_code, answer.text.replace(phone[-4:], "").replace(phone, "")))
    await joining.deliver()
    assert {status for status, _ in answers} == {200}
    assert [to for to, _ in joining.inbox.messages] == [ANNA]
    assert (await client.post(joining.inbox.path(ANNA), data=TERMS)).status_code == 303
    assert len(await cards.cards_of_customer(here.db, shop.business_id, rich.customer_id, program_id)) == 1
    with pytest.raises(service.ClubNotReached):
        await joining.start(BORIS, program_id=program_id)


@on_sqlite
async def test_a_cashier_lets_nobody_into_a_club_but_a_manager_and_the_business_s_own_program_do(
        here: Context, shop: Shop, joining: Joining) -> None:
    await closed(here, shop, Club())
    with pytest.raises(service.ClubClosed):
        await joining.start(ANNA)
    assert await joining.all("enrolments") == []
    assert (await joining.start(ANNA, who=shop.who)).card_id is not None
    assert (await joining.start(BORIS, who=shop.key_principal, source="api")).card_id is not None


async def allowed(friends: Friends, **ways: bool) -> None:
    await set_ways(friends.here.db, friends.shop.who, friends.shop.program_id, Ways(**ways), friends.here.clock.now())


async def buys(friends: Friends) -> list[tuple[int, int]]:
    """The friend that waits buys, and the purchase settles: who was given what."""
    friend = await friends.here.db.fetch_val("SELECT friend_account_id FROM referrals")
    card_id = await friends.here.db.fetch_val("SELECT id FROM cards WHERE account_id = :account", {"account": friend})
    await friends.buy(await cards.get_card(friends.here.db, friends.shop.business_id, card_id))
    await friends.settle()
    await friends.settle(days=14)
    return await friends.given()


@pytest.fixture
def settings(database_url: str, tmp_path: Any) -> Settings:
    """A real server that sends mail."""
    return load({"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(tmp_path), "TESSERA_SECRET_KEY": secrets.new_key(),
                 "TESSERA_SMTP": "smtp://127.0.0.1:2525", "TESSERA_MAIL_FROM": "cards@example.com"})


@on_sqlite
async def test_a_friend_who_joins_by_mail_brings_both_rewards(client: Any, friends: Friends, joining: Joining) -> None:
    await allowed(friends, mail=True)
    giver = await make_card(friends.here, friends.shop, phone=ANNA)
    link = f"{PAGE}?friend={(await friends.invitation(giver)).code}"
    assert (await client.post(link, data={"email": "boris@example.com"})).status_code == 200
    [row] = await joining.all("mails")
    letter = json.loads(friends.here.ring.open_text(mail.PURPOSE, bytes(row["text_sealed"]), str(row["id"]).encode()))
    assert (await client.post(re.search(r"https://[^/]+(/a/\w+)", letter["text"])[1], data=TERMS)).status_code == 303
    assert await friends.statuses() == [("waiting", None)]
    assert [points for _, points in await buys(friends)] == [100, 50]


@on_sqlite
async def test_a_friend_without_a_number_brings_them_too_once_a_purchase_has_settled(
        client: Any, friends: Friends, joining: Joining) -> None:
    await joining.give_stamps()
    here, shop = friends.here, friends.shop
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    rules = msgspec.structs.replace(program.rules, referral=REWARDS)
    await programs.change_rules(here.db, shop.who, program.id, rules, here.clock.now())
    await allowed(friends, anonymous=True)
    giver = await make_card(friends.here, friends.shop, phone=ANNA)
    begun = await client.post(f"{PAGE}?friend={(await friends.invitation(giver)).code}", data={"without": "1"})
    assert (await client.post(begun.headers["location"], data=TERMS)).status_code == 303
    assert [row["phone_hash"] for row in await joining.all("customers")][1:] == [None]
    assert await friends.statuses() == [("waiting", None)]
    assert [points for _, points in await buys(friends)] == [100, 50]


@on_sqlite
async def test_an_invitation_goes_along_to_the_page_of_plastic_cards(client: Any, friends: Friends, joining: Joining) -> None:
    here, shop = friends.here, friends.shop
    _, [printed] = await plastic.make_batch(here.db, here.ring, shop.who, shop.program_id, "Spring", 1, here.clock.now())
    code = (await friends.invitation(await make_card(here, shop, phone=ANNA))).code
    assert f'href="{PAGE}/card?friend={code}"' in (await client.get(f"{PAGE}?friend={code}")).text
    page = await client.get(f"{PAGE}/card?friend={code}")
    assert f'action="{PAGE}/card?friend={code}"' in page.text and f'href="{PAGE}?friend={code}"' in page.text
    begun = await client.post(f"{PAGE}/card?friend={code}", data={"number": printed.number, "code": printed.code, "phone": BORIS})
    assert (await client.post(begun.headers["location"], data=TERMS)).status_code == 303
    assert await friends.statuses() == [("waiting", None)]


@on_sqlite
async def test_a_plastic_card_opens_a_closed_club_by_an_invitation_alone_and_keeps_what_was_typed(
        client: Any, here: Context, shop: Shop, joining: Joining) -> None:
    _, [printed] = await plastic.make_batch(here.db, here.ring, shop.who, shop.program_id, "Spring", 1, here.clock.now())
    await closed(here, shop, Club())
    made = await service.create_invitation(here.db, shop.who, shop.program_id, "ABCDEFGHJKLM", 1, None, here.clock.now())
    typed = {"number": printed.number, "code": printed.code, "phone": BORIS}
    shut = await client.post(f"{PAGE}/card", data=typed, headers={"Accept-Language": "en"})
    assert shut.status_code == 409 and "open to guests with an invitation" in shut.text
    assert all(f'value="{text}"' in shut.text for text in typed.values())
    assert await joining.all("enrolments") == []
    begun = await client.post(f"{PAGE}/card?friend={made.code}", data=typed)
    assert (await client.post(begun.headers["location"], data=TERMS)).status_code == 303
