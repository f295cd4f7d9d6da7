"""Campaigns invite whom they may, at their pace and within the budget, leave some out, and say what that brought."""
import json
from dataclasses import replace

import pytest

from app.campaigns import rules, sending, service
from app.campaigns.rules import Wish
from app.cards import service as cards
from app.context import Context
from app.customers import phones
from app.customers import service as customers
from app.db import write_transaction
from app.enrolment import activation
from app.enrolment import store as enrolment_store
from app.errors import Forbidden, Invalid, NotFound
from app.imports.rules import Options
from app.imports.store import Import
from app.mail import service as mails
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.segments import service as segments
from app.segments.rules import Filter
from app.sms import service as sms
from tests.conftest import Shop
from tests.imports.lists import count, taken

HEAD = ("Телефон", "Имя", "Карта", "Баллы", "Согласие", "Метки")
STATED = "Everybody signed the paper form of the old club, which says that we may text them."


def people(number: int, consent: str = "да") -> list[tuple[str, ...]]:
    # Far apart: neighbouring numbers share a counter that stops pumping.
    return [(f"8916{at:03d}0000", f"Имя {at}", f"30{at:05d}", "5", consent, "vip" if at % 2 else "") for at in range(100, 100 + number)]


async def listed(here: Context, shop: Shop, rows: list[tuple[str, ...]]) -> Import:
    return await taken(here, shop, [HEAD, *rows], Options(wording="I want news by SMS"))


async def made(here: Context, shop: Shop, found: Import, **fields) -> rules.Campaign:  # type: ignore[no-untyped-def]
    wish = Wish(shop.program_id, "Old club", import_id=found.id, **{"held_out_bp": 0, **fields})
    campaign_id = await service.create(here.db, shop.who, wish, here.clock.now())
    await sending.go_on(here)
    campaign = await service.get(here.db, shop.business_id, campaign_id)
    assert campaign.state == "ready"
    return campaign


async def sent(here: Context, shop: Shop, campaign: rules.Campaign) -> dict[str, int]:
    await service.start(here.db, shop.who, campaign.id, here.clock.now())
    await sending.go_on(here)
    return await service.count(here.db, campaign)


async def test_everybody_who_agreed_is_invited_once_and_their_own_card_is_finished(here: Context, shop: Shop) -> None:
    campaign = await made(here, shop, await listed(here, shop, people(3)))
    assert (await sent(here, shop, campaign))["sent"] == 3
    await sending.go_on(here)
    assert (await service.get(here.db, shop.business_id, campaign.id)).state == "done"
    assert await count(here, "messages") == 3
    assert await here.db.fetch_val("SELECT COUNT(*) FROM messages WHERE purpose = 'invitation'") == 3
    card = (await cards.find(here.db, here.ring, shop.cashier, "3000101", "RU", here.clock.now())).cards[0]
    waiting = await enrolment_store.find_pending_of_card(here.db, shop.business_id, card.id)
    assert await here.db.fetch_val("SELECT COUNT(*) FROM activation_links WHERE enrolment_id = :id", {"id": waiting}) == 1


async def test_nobody_is_written_to_before_it_is_started(here: Context, shop: Shop) -> None:
    await made(here, shop, await listed(here, shop, people(3)))
    await sending.go_on(here)
    assert await count(here, "messages") == 0


async def test_only_those_whose_row_says_that_they_agreed_are_invited(here: Context, shop: Shop) -> None:
    others = [(f"891620{number}0000", "", f"4{number}", "", "нет", "") for number in range(3)]
    campaign = await made(here, shop, await listed(here, shop, [*people(2), *others]))
    counts = await sent(here, shop, campaign)
    assert (counts["sent"], counts["not_allowed"]) == (2, 3)


async def test_a_newer_list_that_says_no_is_heeded_right_before_sending(here: Context, shop: Shop) -> None:
    campaign = await made(here, shop, await listed(here, shop, people(2)))
    await listed(here, shop, people(1, consent="нет"))
    counts = await sent(here, shop, campaign)
    assert (counts["sent"], counts["not_allowed"]) == (1, 1)


async def test_a_pause_is_heeded_by_a_run_that_has_begun(here: Context, shop: Shop) -> None:
    campaign = await made(here, shop, await listed(here, shop, people(2)))
    await service.start(here.db, shop.who, campaign.id, here.clock.now())
    begun = await service.get(here.db, shop.business_id, campaign.id)
    await service.pause(here.db, shop.who, campaign.id, here.clock.now())
    assert await sending._send(here, begun) == 0
    assert await count(here, "messages") == 0


async def test_the_owner_may_state_where_they_agreed_and_the_words_are_kept(here: Context, shop: Shop) -> None:
    found = await taken(here, shop, [HEAD[:4], *[row[:4] for row in people(2)]])
    with pytest.raises(Invalid) as refused:
        await service.create(here.db, shop.who, Wish(shop.program_id, "Old club", import_id=found.id), here.clock.now())
    assert [field for field, _, _ in refused.value.fields] == ["statement"]
    campaign = await made(here, shop, found, statement=STATED)
    assert (await sent(here, shop, campaign))["sent"] == 2
    assert campaign.statement == STATED


async def test_some_are_held_out_the_same_ones_each_time(here: Context, shop: Shop) -> None:
    found = await listed(here, shop, people(40))
    first, second = await made(here, shop, found, held_out_bp=3_000), await made(here, shop, found, held_out_bp=5_000)

    async def held_out(campaign: rules.Campaign) -> set[int]:
        return {row[0] for row in await here.db.fetch_all(
            "SELECT customer_id FROM campaign_people WHERE campaign_id = :id AND state = 'held_out'", {"id": campaign.id})}

    few, more = await held_out(first), await held_out(second)
    assert 4 <= len(few) <= 20 and few < more
    counts = await sent(here, shop, first)
    assert counts["sent"] == 40 - len(few) == await count(here, "messages")


async def test_the_pace_is_kept(here: Context, shop: Shop) -> None:
    campaign = await made(here, shop, await listed(here, shop, people(5)), per_hour=2)
    assert (await sent(here, shop, campaign))["sent"] == 2
    await sending.go_on(here)
    assert (await service.count(here.db, campaign))["sent"] == 2
    here.clock.advance(hours=1, seconds=1)
    await sending.go_on(here)
    assert (await service.count(here.db, campaign))["sent"] == 4


async def test_a_paused_campaign_sends_nothing_and_goes_on_where_it_stood(here: Context, shop: Shop) -> None:
    campaign = await made(here, shop, await listed(here, shop, people(3)))
    await service.start(here.db, shop.who, campaign.id, here.clock.now())
    await service.pause(here.db, shop.who, campaign.id, here.clock.now())
    assert await sending.go_on(here) == 0
    assert (await sent(here, shop, campaign))["sent"] == 3
    stopped = await made(here, shop, await listed(here, shop, people(1)))
    await service.stop(here.db, shop.who, stopped.id, here.clock.now())
    with pytest.raises(service.CampaignOver):
        await service.start(here.db, shop.who, stopped.id, here.clock.now())


async def test_whoever_wants_no_messages_gets_none(here: Context, shop: Shop) -> None:
    campaign = await made(here, shop, await listed(here, shop, people(3)))
    e164 = phones.parse_phone(people(1)[0][0], "RU", None)
    await write_transaction(here.db, lambda tx: sms.suppress(tx, here.ring, shop.business_id, e164, "stop", here.clock.now()))
    counts = await sent(here, shop, campaign)
    assert (counts["sent"], counts["suppressed"]) == (2, 1)


async def test_a_spent_budget_lets_it_rest_and_it_goes_on_by_itself(here: Context, shop: Shop) -> None:
    campaign = await made(here, shop, await listed(here, shop, people(4)))
    await here.db.execute("UPDATE businesses SET settings = '{\"sms\": {\"business_day\": 2}}' WHERE id = :id", {"id": shop.business_id})
    assert (await sent(here, shop, campaign))["sent"] == 2
    resting = await service.get(here.db, shop.business_id, campaign.id)
    assert (resting.state, resting.why) == ("running", "budget") and resting.rests_until is not None
    await here.db.execute("UPDATE businesses SET settings = '{}' WHERE id = :id", {"id": shop.business_id})
    here.clock.advance(hours=1, seconds=1)
    await sending.go_on(here)
    assert (await service.count(here.db, campaign))["sent"] == 4


async def test_spent_money_is_told_like_any_other_refusal_of_messages(here: Context, shop: Shop) -> None:
    poor = replace(here, settings=replace(here.settings, sms_price_minor=10, sms_day_cap_minor=10))
    campaign = await made(poor, shop, await listed(poor, shop, people(3)))
    assert (await sent(poor, shop, campaign))["sent"] == 1
    assert [tuple(row) for row in await here.db.fetch_all("SELECT reason, count FROM sms_refusals")] == [("sms_cap_reached", 1)]
    assert await count(here, "audit_entries WHERE action = 'sms.refused'") == 1


async def test_whoever_got_a_card_meanwhile_is_not_invited(here: Context, shop: Shop) -> None:
    campaign = await made(here, shop, await listed(here, shop, people(2)))
    card = (await cards.find(here.db, here.ring, shop.cashier, "3000101", "RU", here.clock.now())).cards[0]
    await write_transaction(here.db, lambda tx: cards.activate(tx, shop.who, card, here.clock.now()))
    counts = await sent(here, shop, campaign)
    assert (counts["sent"], counts["member"]) == (1, 1)


async def test_the_report_sets_those_who_were_invited_beside_those_who_were_not(here: Context, shop: Shop) -> None:
    campaign = await made(here, shop, await listed(here, shop, people(30)), held_out_bp=5_000)
    assert await service.report(here.db, campaign) is None
    await sent(here, shop, campaign)
    campaign = await service.get(here.db, shop.business_id, campaign.id)
    invited = await here.db.fetch_all("SELECT account_id, customer_id FROM campaign_people WHERE state = 'sent' ORDER BY account_id")
    left_out = await here.db.fetch_all("SELECT account_id, customer_id FROM campaign_people WHERE state = 'held_out' ORDER BY account_id")
    for row, amounts in ((invited[0], (10_000, 20_000)), (left_out[0], (5_000,))):
        [card] = await cards.cards_of_customer(here.db, shop.business_id, row["customer_id"])
        for amount in amounts:
            await sales.sell(here.db, shop.key_principal, SaleRequest(card.id, amount), None, here.clock.now())
    [card] = await cards.cards_of_customer(here.db, shop.business_id, invited[0]["customer_id"])
    await write_transaction(here.db, lambda tx: cards.activate(tx, shop.who, card, here.clock.now()))
    found = await service.report(here.db, campaign)
    assert found is not None
    assert found.invited == rules.Outcome(len(invited), 1, 1, 2, 30_000)
    assert found.held_out == rules.Outcome(len(left_out), 0, 1, 1, 5_000)


async def test_a_tag_and_a_group_narrow_whom_it_invites(here: Context, shop: Shop) -> None:
    found = await listed(here, shop, people(4))
    assert (await service.count(here.db, await made(here, shop, found, tag="VIP")))["people"] == 2
    await segments.create(here.db, shop.who, "vips", "VIPs", Filter(tags=("vip",)), here.clock.now())
    campaign_id = await service.create(here.db, shop.who, Wish(shop.program_id, "VIPs", segment="vips", held_out_bp=0), here.clock.now())
    await sending.go_on(here)
    campaign = await service.get(here.db, shop.business_id, campaign_id)
    assert (await sent(here, shop, campaign))["sent"] == 2


async def test_by_mail_the_link_goes_to_the_address(here: Context, shop: Shop) -> None:
    found = await taken(here, shop, [("Почта", "Имя", "Карта", "Согласие"), ("a@example.com", "Анна", "1", "да"), ("", "Олег", "2", "да")],
                        Options(wording="I want news by mail"))
    campaign = await made(here, shop, found, way="mail")
    counts = await service.count(here.db, campaign)
    assert (counts["waiting"], counts["no_contact"]) == (1, 1)
    await service.start(here.db, shop.who, campaign.id, here.clock.now())
    await sending.go_on(here)
    # This server sends no mail: it waits until somebody set that up.
    after = await service.get(here.db, shop.business_id, campaign.id)
    assert (after.state, after.why) == ("paused", "mail")


async def test_by_mail_an_imported_card_is_finished_by_the_link(here: Context, shop: Shop) -> None:
    mailing = replace(here, settings=replace(here.settings, smtp="smtp://mail.example.com", mail_from="cards@example.com"))
    found = await taken(here, shop, [("Почта", "Имя", "Карта", "Согласие"), ("a@example.com", "Анна", "1", "да")],
                        Options(wording="I want news by mail"))
    campaign = await made(mailing, shop, found, way="mail")
    assert (await sent(mailing, shop, campaign))["sent"] == 1
    assert await count(here, "mails") == 1 and await count(here, "messages") == 0
    card = (await cards.find(here.db, here.ring, shop.cashier, "1", "RU", here.clock.now())).cards[0]
    waiting = await enrolment_store.find_pending_of_card(here.db, shop.business_id, card.id)
    assert await here.db.fetch_val("SELECT enrolment_id FROM campaign_people WHERE state = 'sent'") == waiting


async def invited_by_mail(here: Context, shop: Shop) -> str:
    """Somebody of whom the list knows both ways is; the token of the link in the mail."""
    mailing = replace(here, settings=replace(here.settings, smtp="smtp://mail.example.com", mail_from="cards@example.com"))
    rows = [(*HEAD, "Почта"), ("89161230000", "Анна", "1", "5", "да", "", "a@example.com")]
    campaign = await made(mailing, shop, await taken(here, shop, rows, Options(wording="I want news")), way="mail")
    assert (await sent(mailing, shop, campaign))["sent"] == 1
    [mail] = await here.db.fetch_all("SELECT * FROM mails")
    letter = json.loads(here.ring.open_text(mails.PURPOSE, mail["text_sealed"], str(mail["id"]).encode()))
    assert letter["to"] == "a@example.com"
    return str(letter["text"]).split("/a/")[1].split()[0]


async def test_a_mail_finishes_the_card_that_the_list_brought_under_a_number(here: Context, shop: Shop) -> None:
    token = await invited_by_mail(here, shop)
    assert await count(here, "enrolments") == 1 and await count(here, "messages") == 0
    card = (await cards.find(here.db, here.ring, shop.cashier, "1", "RU", here.clock.now())).cards[0]
    done = await activation.activate(here.db, here.ring, token, activation.Form("", True, False, "ru"), here.clock.now())
    assert done.card_id == card.id and await count(here, "enrolments WHERE status = 'pending'") == 0


async def test_whoever_gets_a_mail_that_is_not_theirs_silences_the_address_and_not_the_number(here: Context, shop: Shop) -> None:
    token = await invited_by_mail(here, shop)
    await activation.not_me(here.db, here.ring, token, here.clock.now())
    assert await count(here, "mail_suppressions") == 1
    assert await sms.suppressions(here.db, shop.business_id) == []


async def test_a_cashier_and_another_business_have_no_say(here: Context, shop: Shop, other_shop: Shop) -> None:
    found = await listed(here, shop, people(1))
    wish = Wish(shop.program_id, "Old club", import_id=found.id)
    with pytest.raises(Forbidden):
        await service.create(here.db, shop.cashier, wish, here.clock.now())
    with pytest.raises(NotFound):
        await service.create(here.db, other_shop.who, wish, here.clock.now())
    with pytest.raises(Invalid):
        await service.create(here.db, other_shop.who, Wish(other_shop.program_id, "x", import_id=found.id), here.clock.now())
    campaign = await made(here, shop, found)
    for act in (service.start, service.pause, service.stop):
        with pytest.raises(NotFound):
            await act(here.db, other_shop.who, campaign.id, here.clock.now())
    assert await customers.find_by_phone(here.db, here.ring, other_shop.business_id, "+79161000000") is None
