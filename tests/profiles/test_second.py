"""The card on another phone: a link that works once, for ten minutes, by a press there."""
import asyncio
import re

from app.cards import service as cards

ADDRESS = re.compile(r'value="https://cards\.example\.com(/d/[^"]+)"')


async def handover(anna, page: str = "") -> str:
    made = await anna.post("/another", page)
    assert made.status_code == 200
    return ADDRESS.search(made.text)[1]


async def test_the_link_opens_the_card_on_another_phone_once(anna, joining):
    path = await handover(anna)
    before = await joining.counts()
    for _ in range(3):
        shown = await anna.client.get(path)
        assert shown.status_code == 200 and "Анна" not in shown.text and anna.page not in shown.text
    assert (await anna.client.head(path)).status_code == 200
    assert await joining.counts() == before
    opened = await anna.client.post(path)
    assert (opened.status_code, opened.headers["location"]) == (303, anna.page)
    for again in (await anna.client.post(path), await anna.client.get(path)):
        assert again.status_code == 404
    [row] = [row for row in await joining.all("audit_entries") if row["action"] == "card.handed_over"]
    assert row["actor_kind"] == "shopper"


async def test_twenty_presses_at_once_open_it_once(anna):
    path = await handover(anna)
    answers = await asyncio.gather(*(anna.client.post(path) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [303] + [404] * 19


async def test_it_dies_after_ten_minutes_with_a_newer_one_and_with_the_card(anna, here, shop):
    first = await handover(anna)
    second = await handover(anna)
    assert (await anna.client.post(first)).status_code == 404
    here.clock.advance(minutes=10)
    assert (await anna.client.post(second)).status_code == 404
    third = await handover(anna)
    await cards.block(here.db, shop.who, anna.card.id, None, here.clock.now())
    assert (await anna.client.post(third)).status_code == 404
    assert (await anna.post("/another")).status_code == 409


async def test_unknown_used_and_torn_links_answer_alike_and_another_sites_form_is_refused(anna):
    path = await handover(anna)
    assert (await anna.client.post(path, headers={"sec-fetch-site": "cross-site"})).status_code == 403
    assert (await anna.client.post(path, headers={"origin": "https://evil.example"})).status_code == 403
    await anna.client.post(path)
    answers = [await anna.client.get(each) for each in (path, "/d/" + "1" * 22, "/d/x", path[:-1])]
    assert {answer.status_code for answer in answers} == {404}
    assert len({re.sub(r'nonce="[^"]+"', "", answer.text) for answer in answers}) == 1


async def test_through_the_pass_link_a_code_comes_first(anna):
    assert (await anna.client.get(anna.shared + "/another")).headers["location"] == f"{anna.shared}/confirm?to=another"
    assert (await anna.post("/another", anna.shared)).status_code == 403
    await anna.confirm("another", anna.shared)
    assert (await anna.client.post(await handover(anna, anna.shared))).headers["location"] == anna.page
