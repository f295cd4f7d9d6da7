import asyncio
import functools
import json
import random

import pytest

from app.clock import to_ms
from app.registrations import service
from tests.registrations.conftest import DEVICE, PUSH_TOKEN, SHORT, TOPIC, auth

OTHER_PHONE = "another-device"
# Where no statement is in question, one engine is enough.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_the_first_registration_is_201_and_the_next_is_200_with_an_empty_body(phone):
    first, second = await phone.register(), await phone.register()
    assert (first.status_code, first.content) == (201, b"")
    assert (second.status_code, second.content) == (200, b"")


async def test_registering_again_overwrites_the_push_token(phone):
    await phone.register()
    await phone.register(push_token="cd" * 32)
    assert await phone.column("push_token") == ["cd" * 32]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"pushToken": ""}', b'{"pushToken": null}', b'{"pushToken": 7}', b"[", b"\xff",
                                  b'{"pushToken": "a b"}', b'{"pushToken": "' + b"a" * 513 + b'"}', b"[" * 10_000])
@on_sqlite
async def test_a_registration_without_a_usable_push_token_is_400_and_leaves_nothing(phone, body):
    answer = await phone.register(content=body)
    assert answer.status_code == 400
    assert await phone.column("push_token") == []


@on_sqlite
async def test_unknown_keys_of_the_body_are_apples_to_add(phone):
    answer = await phone.register(content=json.dumps({"pushToken": PUSH_TOKEN, "later": {"more": 1}}).encode())
    assert answer.status_code == 201


@on_sqlite
async def test_a_body_over_the_cap_is_413(phone):
    assert (await phone.register(content=b"x" * 70_000)).status_code == 413


@pytest.mark.parametrize("header", ["", "ApplePass", "ApplePass wrong", "Bearer {token}", "ApplePass {token}x", "ApplePass \xe9"])
@on_sqlite
async def test_a_wrong_token_is_401_with_one_body_for_every_call_that_needs_one(phone, header):
    headers = {"Authorization": header.format(token=phone.token).encode("latin-1")}
    answers = [await phone.http.post(phone.registration, json={"pushToken": PUSH_TOKEN}, headers=headers),
               await phone.http.delete(phone.registration, headers=headers), await phone.http.get(phone.pass_url, headers=headers),
               await phone.http.get(phone.pass_url.replace(phone.serial, "no-such-serial"), headers=auth(phone.token)),
               await phone.http.get(phone.pass_url.replace(TOPIC, "pass.of.others"), headers=auth(phone.token)),
               await phone.http.get(phone.pass_url.replace(SHORT, "unknown"), headers=auth(phone.token)),
               await phone.http.get(phone.pass_url.replace(phone.serial, "a%00b"), headers=auth(phone.token))]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.headers["www-authenticate"] for answer in answers} == {"ApplePass"}
    assert len({answer.content for answer in answers}) == 1
    assert await phone.column("push_token") == []


@on_sqlite
async def test_another_cards_token_opens_nothing(phone, other_phone):
    assert (await phone.http.get(phone.pass_url, headers=auth(other_phone.token))).status_code == 401
    assert (await phone.http.post(phone.registration, json={"pushToken": PUSH_TOKEN}, headers=auth(other_phone.token))).status_code == 401


async def test_unregistering_is_200_also_when_nothing_was_registered_and_ends_that_registration_alone(phone):
    assert (await phone.unregister()).status_code == 200
    await phone.register()
    await phone.register(device=OTHER_PHONE)
    assert (await phone.unregister()).status_code == 200
    assert await phone.column("device_library_identifier") == [OTHER_PHONE]
    assert (await phone.get()).status_code == 200


@on_sqlite
async def test_a_device_that_nobody_knows_is_told_that_nothing_changed(phone):
    answer = await phone.list_changed()
    assert (answer.status_code, answer.content) == (204, b"")


async def test_the_list_needs_no_authorization_and_its_tag_is_a_string(phone):
    await phone.change()
    await phone.register()
    answer = await phone.list_changed()
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    assert answer.json() == {"serialNumbers": [phone.serial], "lastUpdated": "2"}


@pytest.mark.parametrize("tag", ["", "garbage", "-1", "99999999999999999999", "2026-11-22T00:00:00+00:00", "0"])
@on_sqlite
async def test_an_empty_or_foreign_tag_lists_everything(phone, tag):
    await phone.register()
    assert (await phone.list_changed(tag)).json()["serialNumbers"] == [phone.serial]


async def test_the_current_tag_lists_nothing_and_an_older_one_what_changed_since(phone):
    await phone.register()
    tag = (await phone.list_changed()).json()["lastUpdated"]
    assert (await phone.list_changed(tag)).status_code == 204
    await phone.change()
    assert (await phone.list_changed(tag)).json() == {"serialNumbers": [phone.serial], "lastUpdated": str(int(tag) + 1)}


async def test_two_changes_in_one_second_are_two_numbers_and_neither_is_missed(phone):
    await phone.register()
    tag = (await phone.list_changed()).json()["lastUpdated"]
    await phone.change()
    between = (await phone.list_changed(tag)).json()["lastUpdated"]
    await phone.change()
    assert (await phone.list_changed(between)).json()["serialNumbers"] == [phone.serial]


async def test_a_device_sees_only_its_own_passes(phone, other_phone):
    await phone.register()
    await other_phone.register(device=OTHER_PHONE)
    await other_phone.change()
    assert (await phone.list_changed()).json()["serialNumbers"] == [phone.serial]


async def test_an_old_file_added_late_is_in_the_list_although_its_card_has_not_changed_since_the_devices_tag(phone, other_phone):
    await phone.change()
    await other_phone.register(device=DEVICE)
    await other_phone.change()
    tag = (await other_phone.list_changed()).json()["lastUpdated"]
    await phone.register()  # from an SMS of last month
    listed = (await phone.list_changed(tag)).json()
    assert listed["serialNumbers"] == [phone.serial] and int(listed["lastUpdated"]) > int(tag)


async def test_a_registrations_own_number_is_news_to_that_device_alone(phone):
    await phone.register(device=OTHER_PHONE)
    tag = (await phone.list_changed(device=OTHER_PHONE)).json()["lastUpdated"]
    await phone.register()
    assert (await phone.list_changed(tag, device=OTHER_PHONE)).status_code == 204


@on_sqlite
async def test_the_pass_comes_with_its_type_its_length_and_an_http_date(phone):
    answer = await phone.get()
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/vnd.apple.pkpass"
    assert answer.content[:2] == b"PK" and int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["last-modified"].endswith(" GMT") and "set-cookie" not in answer.headers


@on_sqlite
async def test_only_the_versions_own_date_is_answered_with_304(phone):
    date = (await phone.get()).headers["last-modified"]
    same = await phone.get(since=date)
    assert (same.status_code, same.content, same.headers["last-modified"]) == (304, b"", date)
    for other in ("Sun, 22 Nov 2099 12:00:00 GMT", "garbage", date.replace(" GMT", ""), "", "\x7f"):
        assert (await phone.get(since=other)).status_code == 200


async def test_a_changed_card_has_a_new_date_also_within_the_same_second(phone):
    date = (await phone.get()).headers["last-modified"]
    await phone.change()
    changed = await phone.get(since=date)
    assert changed.status_code == 200 and changed.headers["last-modified"] != date
    await phone.change()
    assert (await phone.get(since=changed.headers["last-modified"])).status_code == 200


@on_sqlite
async def test_head_is_answered_like_get_without_a_body(phone):
    got = await phone.get()
    head = await phone.http.head(phone.pass_url, headers=auth(phone.token))
    assert head.status_code == 200 and head.headers["last-modified"] == got.headers["last-modified"]


@on_sqlite
async def test_a_base_address_with_a_slash_at_its_end_is_understood(phone):
    doubled = phone.registration.replace("/v1/", "//v1/")
    assert (await phone.http.post(doubled, json={"pushToken": PUSH_TOKEN}, headers=auth(phone.token))).status_code == 201
    assert (await phone.http.get(phone.listing().replace("/v1/", "//v1/"))).status_code == 200
    assert (await phone.http.get(phone.pass_url.replace("/v1/", "//v1/"), headers=auth(phone.token))).status_code == 200
    assert (await phone.http.post(f"/apple/{SHORT}//v1/log", json={"logs": []})).status_code == 200
    assert (await phone.http.delete(doubled, headers=auth(phone.token))).status_code == 200


@on_sqlite
async def test_personalisation_is_not_offered(phone):
    assert (await phone.http.post(phone.pass_url + "/personalize", json={})).status_code == 404


async def test_a_fetch_is_noted_outside_the_answer(phone, here):
    await phone.change()
    await phone.register()
    await phone.get()
    assert await phone.column("version_fetched") == [0]
    await here.extras["registrations.fetches"].flush()
    assert await phone.column("version_fetched") == [1]
    assert await phone.column("fetched_at") == [to_ms(here.clock.now())]


async def test_installing_and_removing_are_events(phone, here):
    await phone.register()
    await phone.register()
    await phone.unregister()
    await phone.unregister()
    kinds = [row["kind"] for row in await here.db.fetch_all("SELECT kind FROM events WHERE kind LIKE 'pass.%' ORDER BY id")]
    assert kinds == ["pass.installed", "pass.removed"]


async def test_devices_are_counted_per_card(phone, here):
    await phone.register()
    await phone.register(device=OTHER_PHONE)
    assert await service.count_devices(here.db, phone.business_id, phone.card_id) == 2


async def test_a_report_is_kept_with_the_serial_it_speaks_of(phone, here):
    line = f"[2026-11-22 04:00:00 +0000] Get pass task (pass type {TOPIC}, serial number {phone.serial}, …) encountered error: <b>x</b>\x00"
    assert (await phone.log([line])).status_code == 200
    [log] = await service.recent_logs(here.db, here.clock.now(), 10)
    assert log.serial_number == phone.serial and log.message.endswith("<b>x</b>")
    here.clock.advance(days=2)
    assert await service.recent_logs(here.db, here.clock.now(), 10) == []


async def test_a_card_is_told_its_own_reports_alone_newest_first_and_capped(phone, other_phone, here):
    line = "Get pass task (pass type {}, serial number {}; with web service url …) encountered error: {}"
    await phone.log([line.format(TOPIC, phone.serial, "Authentication failure"), line.format(TOPIC, other_phone.serial, "x"), "no serial"])
    here.clock.advance(minutes=1)
    await phone.log([line.format(TOPIC, phone.serial, "The request timed out.")])
    told = await service.reports_on(here.db, phone.business_id, phone.card_id, 10)
    assert [report.meaning.kind for report in told] == ["unreachable", "unauthorised"]
    assert told[0].at == here.clock.now() and phone.serial in told[0].line
    assert [report.meaning.kind for report in await service.reports_on(here.db, phone.business_id, phone.card_id, 1)] == ["unreachable"]
    assert await service.reports_on(here.db, phone.business_id + 1, phone.card_id, 10) == []


async def test_a_report_to_another_pass_types_service_is_not_the_cards(phone, here):
    await here.db.execute("INSERT INTO pass_types(short_id, pass_type_identifier, team_identifier, created_at) "
                          "VALUES ('other', 'pass.of.others', 'TEAM', 0)")
    await phone.http.post("/apple/other/v1/log", json={"logs": [f"… serial number {phone.serial}, …"]})
    assert await service.reports_on(here.db, phone.business_id, phone.card_id, 10) == []


@pytest.mark.goal("B2")
@on_sqlite
async def test_a_report_of_a_hundred_thousand_lines_is_refused_whole(phone, here):
    assert (await phone.log(["x"] * 100_000)).status_code == 413
    assert (await phone.log(["x"] * 5_000)).status_code == 200
    assert await here.db.fetch_val("SELECT COUNT(*) FROM device_logs") == 50


@pytest.mark.goal("B2")
@on_sqlite
async def test_the_sixty_first_report_of_a_minute_is_429_and_not_kept(phone, here):
    statuses = [(await phone.log(["x"])).status_code for _ in range(61)]
    assert statuses == [200] * 60 + [429]
    here.clock.advance(minutes=1)
    assert (await phone.log(["x"])).status_code == 200
    assert await here.db.fetch_val("SELECT COUNT(*) FROM device_logs") == 61


@pytest.mark.goal("B2")
async def test_no_more_than_the_days_share_of_reports_is_kept(phone, here, monkeypatch):
    monkeypatch.setattr(service.rules, "LOG_BYTES_A_DAY", 250)
    for _ in range(5):
        assert (await phone.log(["x" * 100])).status_code == 200
    assert await here.db.fetch_val("SELECT COUNT(*) FROM device_logs") == 2
    here.clock.advance(days=1)
    await phone.log(["x" * 100])
    assert await here.db.fetch_val("SELECT COUNT(*) FROM device_logs") == 3


@pytest.mark.parametrize("body", [b"", b"[]", b'{"logs": "x"}', b'{"logs": [1]}', b"\xff\xff"])
@on_sqlite
async def test_a_report_that_is_none_is_400_and_an_unknown_service_keeps_nothing(phone, here, body):
    assert (await phone.http.post(f"/apple/{SHORT}/v1/log", content=body)).status_code == 400
    assert (await phone.http.post("/apple/unknown/v1/log", json={"logs": ["x"]})).status_code == 200
    assert await here.db.fetch_val("SELECT COUNT(*) FROM device_logs") == 0


async def test_old_reports_are_forgotten(phone, here):
    await phone.log(["x"])
    here.clock.advance(days=31)
    await phone.log(["y"])
    assert await service.prune_logs(here.db, here.clock.now()) == 1
    assert [row["message"] for row in await here.db.fetch_all("SELECT message FROM device_logs")] == ["y"]


async def test_devices_registering_at_once_each_get_a_number_of_their_own(phone, here):
    answers = await asyncio.gather(*(phone.register(device=f"device-{number}") for number in range(20)))
    assert [answer.status_code for answer in answers] == [201] * 20
    numbers = await phone.column("number")
    assert len(set(numbers)) == 20 and min(numbers) > 0


async def test_without_a_runner_postgresql_answers_503_and_the_device_may_ask_again(phone, here, monkeypatch):
    if here.db.engine != "postgresql":
        assert (await phone.register()).status_code == 201  # SQLite numbers in the transaction: there is nobody to wait for
        return
    await phone.stop_numbering()
    monkeypatch.setattr(service.updates, "wait_for_number", functools.partial(service.updates.wait_for_number, seconds=0.05))
    answer = await phone.register()
    assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
    await service.updates.number_pending(here.db)
    phone.start_numbering()
    assert (await phone.register()).status_code == 200
    assert (await phone.list_changed()).json()["serialNumbers"] == [phone.serial]


@pytest.mark.goal("B2")
@pytest.mark.parametrize("device", ["a%00b", "%D0%B8%D0%BC%D1%8F", "x" * 300, "%20", "..", "%2e%2e", "a'b;--"])
@on_sqlite
async def test_odd_devices_get_documented_answers_only(phone, device):
    statuses = {(await phone.register(device=device)).status_code, (await phone.list_changed(device=device)).status_code,
                (await phone.unregister(device=device)).status_code}
    assert statuses <= {200, 201, 204, 400, 404, 405}




ODD = ["", "%00", "a%00b", "..", "%2e%2e", "%2F", "x" * 300, "%D0%BF", "%ff", "'--", "%F0%9F%8D%B0", "0", "-1", "9" * 40, " ", "+", "{}"]
ODD_TOKENS = [b"", b"ApplePass", b"ApplePass ", b"Basic eHg6eQ==", b"ApplePass \xff", b"ApplePass " + b"a" * 4000]
ODD_BODIES = [b"", b"{}", b"[]", b"null", b"\x00", b'{"pushToken": "\\u0000"}', b'{"pushToken": "\\ud800"}', b"[" * 60_000,
              b'{"pushToken": "' + b"a" * 60_000 + b'"}', b'{"logs": ["\\u0000", "\\ud800"]}', b'{"logs": null}']
# 307 is the router's answer to a slash too many, which no device sends.
DOCUMENTED = {"POST": {200, 201, 307, 400, 401, 404, 405, 429}, "DELETE": {200, 307, 401, 404, 405},
              "GET": {200, 204, 304, 307, 401, 404, 405}}


@pytest.mark.goal("B2")
async def test_whatever_strangers_send_is_answered_as_documented(phone):
    chance = random.Random(27)

    def some(true: str) -> str:
        return chance.choice([true, true, chance.choice(ODD)])

    for _ in range(200):
        base, listing = f"/apple/{some(SHORT)}/v1", f"devices/{some(DEVICE)}/registrations/{some(TOPIC)}"
        path = chance.choice([f"{base}/{listing}/{some(phone.serial)}", f"{base}/passes/{some(TOPIC)}/{some(phone.serial)}",
                              f"{base}/{listing}?passesUpdatedSince={chance.choice(ODD)}", f"{base}/log"])
        headers = {"Authorization": chance.choice([f"ApplePass {phone.token}".encode(), chance.choice(ODD_TOKENS)]),
                   "If-Modified-Since": chance.choice([b"", b"junk", b"Sun, 22 Nov 2026 09:00:00 GMT", b"\xff" * 50])}
        method = chance.choice(["GET", "POST", "DELETE"])
        body = chance.choice(ODD_BODIES) if method == "POST" else None
        answer = await phone.http.request(method, path, headers=headers, content=body)
        assert answer.status_code in DOCUMENTED[method], (method, path, answer.status_code)
