"""The stand-in for Google Wallet says yes and no as Google's documentation does. Real HTTP on this machine."""
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import jwt
import pytest

from app.clock import FixedClock
from app.demo.fakes.google import ISSUER, Answer, FakeGoogle
from app.demo.fakes.google_accounts import AUDIENCE, GRANT, SCOPE
from app.demo.fakes.google_shelf import merged

CLASS_ID, OBJECT_ID = f"{ISSUER}.coffee", f"{ISSUER}.member-1"


def loyalty_class(**more: Any) -> dict[str, Any]:
    return {"id": CLASS_ID, "issuerName": "Coffee corner", "programName": "Coffee corner", "reviewStatus": "UNDER_REVIEW",
            "programLogo": {"sourceUri": {"uri": "https://cards.example.com/logo.png"}}, **more}


def loyalty_object(**more: Any) -> dict[str, Any]:
    return {"id": OBJECT_ID, "classId": CLASS_ID, "state": "ACTIVE", "loyaltyPoints": {"label": "Points", "balance": {"int": 5}}, **more}


class Issuer:
    """A client of the fake that sends what it is told, with a good token unless told otherwise."""

    def __init__(self, google: FakeGoogle, http: httpx2.AsyncClient) -> None:
        self.google, self.http, self.account = google, http, google.new_account()
        self.token = ""

    def assertion(self, **claims: Any) -> str:
        now = int(self.google.clock.now().timestamp())
        told = {"iss": self.account["client_email"], "scope": SCOPE, "aud": AUDIENCE, "iat": now, "exp": now + 3600, **claims}
        return jwt.encode(told, self.account["private_key"], algorithm="RS256", headers={"kid": self.account["private_key_id"]})

    async def ask_token(self, assertion: str, grant: str = GRANT) -> httpx2.Response:
        return await self.http.post(self.google.token, data={"grant_type": grant, "assertion": assertion})

    async def call(self, method: str, path: str, body: Any = None, **query: str) -> httpx2.Response:
        if not self.token:
            self.token = (await self.ask_token(self.assertion())).json()["access_token"]
        return await self.http.request(method, f"{self.google.api}/{path}", json=body, params=query,
                                       headers={"Authorization": f"Bearer {self.token}"})

    async def set_up(self, **more: Any) -> None:
        """A class and an object."""
        assert (await self.call("POST", "loyaltyClass", loyalty_class(**more))).status_code == 200
        assert (await self.call("POST", "loyaltyObject", loyalty_object())).status_code == 200

    def link(self, **claims: Any) -> str:
        now = int(self.google.clock.now().timestamp())
        told = {"iss": self.account["client_email"], "aud": "google", "typ": "savetowallet", "iat": now, "origins": [],
                "payload": {"loyaltyObjects": [{"id": OBJECT_ID, "classId": CLASS_ID}]}, **claims}
        return jwt.encode(told, self.account["private_key"], algorithm="RS256")


def reason_of(answer: httpx2.Response) -> tuple[int, str]:
    told = answer.json()["error"]
    assert told["code"] == answer.status_code and told["errors"][0]["message"] == told["message"]
    return answer.status_code, told["errors"][0]["reason"]


@pytest.fixture
async def google(clock: FixedClock) -> AsyncIterator[FakeGoogle]:
    made = FakeGoogle(clock=clock)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def issuer(google: FakeGoogle) -> AsyncIterator[Issuer]:
    async with httpx2.AsyncClient(timeout=5) as http:
        yield Issuer(google, http)


async def test_a_good_assertion_gets_a_bearer_token_for_an_hour(issuer: Issuer) -> None:
    told = (await issuer.ask_token(issuer.assertion())).json()
    assert set(told) == {"access_token", "expires_in", "token_type"}
    assert told["expires_in"] == 3599 and told["token_type"] == "Bearer"


@pytest.mark.parametrize(("claims", "error"), [
    ({"iss": "nobody@example.com"}, "invalid_grant"), ({"aud": "https://example.com/token"}, "invalid_grant"),
    ({"scope": ""}, "invalid_scope"), ({"scope": "wallet"}, "invalid_scope"),
    ({"exp": 9_999_999_999}, "invalid_grant"), ({"iat": 9_999_999_999, "exp": 9_999_999_999}, "invalid_grant"),
    ({"iat": 1, "exp": 3601}, "invalid_grant"), ({"iat": None}, "invalid_grant")])
async def test_a_wrong_assertion_gets_googles_refusal_and_no_token(issuer: Issuer, claims: dict[str, Any], error: str) -> None:
    answer = await issuer.ask_token(issuer.assertion(**claims))
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert set(answer.json()) == {"error", "error_description"}
    assert not issuer.google.accounts.grants


async def test_an_assertion_signed_by_another_key_or_none_is_refused(issuer: Issuer) -> None:
    mine, other = issuer.account, issuer.google.new_account(name="other")
    issuer.account = {**mine, "private_key": other["private_key"]}
    assert (await issuer.ask_token(issuer.assertion())).json()["error_description"] == "Invalid JWT Signature."
    unsigned = jwt.encode({"iss": mine["client_email"]}, None, algorithm="none")
    assert (await issuer.ask_token(unsigned)).json()["error"] == "invalid_grant"
    assert (await issuer.ask_token("nonsense")).json()["error"] == "invalid_grant"
    assert (await issuer.ask_token(issuer.assertion(), grant="password")).json()["error"] == "unsupported_grant_type"


async def test_a_call_without_a_living_token_is_401_and_one_of_the_wrong_scope_403(issuer: Issuer, clock: FixedClock) -> None:
    issuer.token = "ya29.unknown"
    assert reason_of(await issuer.call("GET", f"loyaltyClass/{CLASS_ID}")) == (401, "authError")
    issuer.token = ""
    await issuer.set_up()
    clock.advance(seconds=3600)
    assert reason_of(await issuer.call("GET", f"loyaltyClass/{CLASS_ID}")) == (401, "authError")
    wrong = issuer.assertion(scope="https://www.googleapis.com/auth/drive")
    issuer.token = (await issuer.ask_token(wrong)).json()["access_token"]
    assert reason_of(await issuer.call("GET", f"loyaltyClass/{CLASS_ID}")) == (403, "insufficientPermissions")


async def test_another_issuers_resources_are_refused(issuer: Issuer) -> None:
    body = loyalty_class(id="3388000000099999999.coffee")
    assert reason_of(await issuer.call("POST", "loyaltyClass", body)) == (403, "permissionDenied")
    assert reason_of(await issuer.call("GET", "loyaltyClass", issuerId="3388000000099999999")) == (403, "permissionDenied")
    assert not issuer.google.shelf.classes


async def test_an_insert_is_stored_approved_and_a_second_one_conflicts(issuer: Issuer) -> None:
    await issuer.set_up()
    assert (await issuer.call("GET", f"loyaltyClass/{CLASS_ID}")).json()["reviewStatus"] == "APPROVED"
    assert (await issuer.call("POST", "loyaltyClass", loyalty_class())).status_code == 409
    assert (await issuer.call("POST", "loyaltyObject", loyalty_object(state="EXPIRED"))).status_code == 409
    stored = (await issuer.call("GET", f"loyaltyObject/{OBJECT_ID}")).json()
    assert (stored["state"], stored["hasUsers"], stored["classReference"]["id"]) == ("ACTIVE", False, CLASS_ID)


async def test_what_is_not_there_is_404_and_an_object_needs_its_class_approved(issuer: Issuer) -> None:
    for method, path, body in (("GET", f"loyaltyClass/{CLASS_ID}", None), ("PATCH", f"loyaltyObject/{OBJECT_ID}", {"state": "EXPIRED"}),
                               ("POST", "loyaltyObject", loyalty_object()), ("GET", "nothing", None)):
        assert (await issuer.call(method, path, body)).status_code == 404
    issuer.google.shelf.auto_approve = False
    await issuer.call("POST", "loyaltyClass", loyalty_class())
    assert reason_of(await issuer.call("POST", "loyaltyObject", loyalty_object())) == (400, "classNotApproved")
    issuer.google.shelf.approve(CLASS_ID)
    assert (await issuer.call("POST", "loyaltyObject", loyalty_object())).status_code == 200


async def test_an_update_of_a_class_must_ask_for_review_again(issuer: Issuer) -> None:
    await issuer.set_up()
    echoed = (await issuer.call("GET", f"loyaltyClass/{CLASS_ID}")).json()
    for body in ({"programName": "Tea"}, {"programName": "Tea", "reviewStatus": "APPROVED"}, echoed):
        assert (await issuer.call("PATCH", f"loyaltyClass/{CLASS_ID}", body)).status_code == 400
    assert issuer.google.shelf.classes[CLASS_ID]["programName"] == "Coffee corner"
    changed = await issuer.call("PATCH", f"loyaltyClass/{CLASS_ID}", {"programName": "Tea", "reviewStatus": "UNDER_REVIEW"})
    assert (changed.json()["programName"], changed.json()["reviewStatus"]) == ("Tea", "APPROVED")


@pytest.mark.parametrize("wrong", [
    {"hasUsers": True}, {"classReference": {}}, {"loyaltyPonts": {}}, {"loyaltyPoints": {"balance": {"int": 1, "string": "1"}}},
    {"state": "active"}, {"barcode": {"type": "QR"}}, {"notifyPreference": "notifyOnUpdate"}])
async def test_a_body_that_the_schema_refuses_is_400_and_changes_nothing(issuer: Issuer, wrong: dict[str, Any]) -> None:
    await issuer.set_up()
    before = dict(issuer.google.shelf.objects[OBJECT_ID])
    assert reason_of(await issuer.call("PATCH", f"loyaltyObject/{OBJECT_ID}", wrong)) == (400, "invalid")
    assert reason_of(await issuer.call("PUT", f"loyaltyObject/{OBJECT_ID}", {**loyalty_object(), **wrong})) == (400, "invalid")
    assert issuer.google.shelf.objects[OBJECT_ID] == before


async def test_patch_merges_and_put_replaces(issuer: Issuer) -> None:
    await issuer.set_up()
    patched = (await issuer.call("PATCH", f"loyaltyObject/{OBJECT_ID}", {"loyaltyPoints": {"balance": {"string": "7"}}})).json()
    assert patched["loyaltyPoints"] == {"label": "Points", "balance": {"string": "7"}}
    put = (await issuer.call("PUT", f"loyaltyObject/{OBJECT_ID}", {"id": OBJECT_ID, "classId": CLASS_ID, "state": "INACTIVE"})).json()
    assert "loyaltyPoints" not in put
    assert merged({"a": {"b": 1, "c": [1, 2]}}, {"a": {"c": [3]}}) == {"a": {"b": 1, "c": [3]}}


async def test_lists_come_page_by_page_or_all_at_once(issuer: Issuer) -> None:
    await issuer.set_up()
    await issuer.call("POST", "loyaltyObject", loyalty_object(id=f"{ISSUER}.member-2"))
    first = (await issuer.call("GET", "loyaltyObject", classId=CLASS_ID, maxResults="1")).json()
    rest = first["pagination"]["nextPageToken"]
    second = (await issuer.call("GET", "loyaltyObject", classId=CLASS_ID, maxResults="1", token=rest)).json()
    assert [one["id"] for one in (*first["resources"], *second["resources"])] == [OBJECT_ID, f"{ISSUER}.member-2"]
    assert "nextPageToken" not in second["pagination"]
    assert len((await issuer.call("GET", "loyaltyClass", issuerId=ISSUER)).json()["resources"]) == 1


async def test_the_fourth_notification_of_a_card_in_a_day_is_over_quota(issuer: Issuer, clock: FixedClock) -> None:
    await issuer.set_up()
    loud = {"message": {"header": "Hello", "body": "A cup waits", "messageType": "TEXT_AND_NOTIFY"}}
    for points in (6, 7):
        await issuer.call("PATCH", f"loyaltyObject/{OBJECT_ID}", {
            "loyaltyPoints": {"balance": {"int": points}}, "notifyPreference": "NOTIFY_ON_UPDATE"})
    assert (await issuer.call("POST", f"loyaltyObject/{OBJECT_ID}/addMessage", loud)).json()["resource"]["messages"]
    assert reason_of(await issuer.call("POST", f"loyaltyObject/{OBJECT_ID}/addMessage", loud)) == (403, "quotaExceeded")
    noisy = {"loyaltyPoints": {"balance": {"int": 8}}, "notifyPreference": "NOTIFY_ON_UPDATE"}
    assert reason_of(await issuer.call("PATCH", f"loyaltyObject/{OBJECT_ID}", noisy)) == (403, "quotaExceeded")
    assert issuer.google.shelf.objects[OBJECT_ID]["loyaltyPoints"]["balance"] == {"int": 7}
    quiet = {"message": {"header": "Hello", "body": "A cup waits", "messageType": "TEXT"}}
    assert (await issuer.call("POST", f"loyaltyObject/{OBJECT_ID}/addMessage", quiet)).status_code == 200
    clock.advance(hours=24)
    issuer.token = ""
    assert (await issuer.call("PATCH", f"loyaltyObject/{OBJECT_ID}", noisy)).status_code == 200


async def test_a_preference_to_notify_is_not_stored(issuer: Issuer) -> None:
    await issuer.set_up()
    answer = await issuer.call("PATCH", f"loyaltyObject/{OBJECT_ID}", {"state": "EXPIRED", "notifyPreference": "NOTIFY_ON_UPDATE"})
    assert "notifyPreference" not in answer.json()


async def test_a_save_link_saves_only_after_a_press_and_the_card_then_has_a_holder(issuer: Issuer) -> None:
    await issuer.set_up()
    address = issuer.google.save + issuer.link()
    assert (await issuer.http.get(address)).status_code == 200
    assert not (await issuer.call("GET", f"loyaltyObject/{OBJECT_ID}")).json()["hasUsers"]
    assert (await issuer.http.post(address)).status_code == 200
    assert (await issuer.call("GET", f"loyaltyObject/{OBJECT_ID}")).json()["hasUsers"]


@pytest.mark.parametrize("claims", [
    {"aud": "apple"}, {"typ": "savetogooglepay"}, {"iat": "1790000000"}, {"iat": 9_999_999_999}, {"iss": "nobody@example.com"},
    {"payload": {"loyaltyObjects": [loyalty_object()]}}, {"payload": {"loyaltyObjects": [{"id": f"{ISSUER}.who", "classId": CLASS_ID}]}},
    {"payload": {"loyaltyObjects": [{"id": OBJECT_ID, "classId": f"{ISSUER}.tea"}]}}, {"payload": {"loyaltyClasses": [loyalty_class()]}},
    {"payload": {"loyaltyObjects": [{"id": "3388000000099999999.a", "classId": CLASS_ID}]}}, {"origins": ["https://" + "a" * 2000]}])
async def test_a_wrong_save_link_saves_nothing(issuer: Issuer, claims: dict[str, Any]) -> None:
    await issuer.set_up()
    answer = await issuer.http.post(issuer.google.save + issuer.link(**claims))
    assert answer.status_code in (400, 403, 404)
    assert not issuer.google.shelf.holders


async def test_a_save_link_signed_by_another_key_saves_nothing(issuer: Issuer) -> None:
    await issuer.set_up()
    issuer.account = {**issuer.account, "private_key": issuer.google.new_account(name="other")["private_key"]}
    assert (await issuer.http.post(issuer.google.save + issuer.link())).status_code == 400
    assert not issuer.google.shelf.holders


async def test_jwt_validate_says_what_is_wrong_and_creates_nothing(issuer: Issuer) -> None:
    await issuer.set_up()
    assert (await issuer.call("POST", "jwt/validate", {"jwtResource": {"jwt": issuer.link()}})).json() == {}
    assert (await issuer.call("POST", "jwt/validate", {"jwtResource": {"jwt": issuer.link(aud="x")}})).status_code == 400
    assert (await issuer.call("POST", "jwt/validate", {"jsonResource": {"json": '{"loyaltyObjects": [{"id": "1"}]}'}})).status_code == 400
    assert (await issuer.call("POST", "jwt/validate", {})).status_code == 400
    assert not issuer.google.shelf.holders


async def test_an_answer_can_be_lost_after_the_object_was_stored(issuer: Issuer) -> None:
    await issuer.call("POST", "loyaltyClass", loyalty_class())
    issuer.google.faults.lost = 1
    with pytest.raises(httpx2.HTTPError):
        await issuer.call("POST", "loyaltyObject", loyalty_object())
    assert (await issuer.call("POST", "loyaltyObject", loyalty_object())).status_code == 409


async def test_faults_answer_instead_of_google_for_as_long_as_they_are_set(issuer: Issuer) -> None:
    await issuer.set_up()
    faults = issuer.google.faults
    faults.answers += [Answer(503, on="PATCH loyaltyObject"), Answer(429, "rateLimitExceeded", retry_after=7)]
    assert (await issuer.call("GET", f"loyaltyObject/{OBJECT_ID}")).headers["retry-after"] == "7"
    assert (await issuer.call("PATCH", f"loyaltyObject/{OBJECT_ID}", {"state": "EXPIRED"})).status_code == 503
    assert issuer.google.shelf.objects[OBJECT_ID]["state"] == "ACTIVE"
    faults.always = Answer(500)
    assert [(await issuer.call("GET", f"loyaltyClass/{CLASS_ID}")).status_code for _ in range(2)] == [500, 500]
    faults.always, faults.token = None, 503
    assert (await issuer.ask_token(issuer.assertion())).status_code == 503
    faults.token, faults.token_is_closing = 0, True
    with pytest.raises(httpx2.HTTPError):
        await issuer.ask_token(issuer.assertion())
    faults.token_is_closing = False
    issuer.google.accounts.end_tokens()
    assert (await issuer.call("GET", f"loyaltyClass/{CLASS_ID}")).status_code == 401


async def test_a_late_answer_outlasts_a_callers_patience_but_was_obeyed(issuer: Issuer) -> None:
    await issuer.set_up()
    issuer.google.faults.delay_seconds = 30
    began = time.monotonic()
    with pytest.raises(httpx2.TimeoutException):
        await issuer.http.patch(f"{issuer.google.api}/loyaltyObject/{OBJECT_ID}", json={"state": "EXPIRED"}, timeout=0.2,
                                headers={"Authorization": f"Bearer {issuer.token}"})
    assert time.monotonic() - began < 5
    assert issuer.google.shelf.objects[OBJECT_ID]["state"] == "EXPIRED"


async def test_more_calls_a_second_than_allowed_are_429(issuer: Issuer) -> None:
    await issuer.set_up()
    issuer.google.faults.most_a_second = 5
    answers = [(await issuer.call("GET", f"loyaltyClass/{CLASS_ID}")).status_code for _ in range(6)]
    assert 429 in answers


async def test_a_second_start_knows_everything_that_was_saved(clock: FixedClock, tmp_path) -> None:  # type: ignore[no-untyped-def]
    first = FakeGoogle(clock=clock, folder=tmp_path)
    first.shelf.insert("loyaltyClass", loyalty_class())
    first.shelf.insert("loyaltyObject", loyalty_object())
    await first.hold(OBJECT_ID)
    second = FakeGoogle(clock=clock, folder=tmp_path)
    assert second.shelf.get("loyaltyObject", OBJECT_ID) == first.shelf.get("loyaltyObject", OBJECT_ID)
    assert OBJECT_ID in second.shelf.holders
    assert (tmp_path / "google.json").stat().st_mode & 0o777 == 0o600


async def test_saving_and_removing_call_the_issuer_back_where_the_class_asks_for_it(issuer: Issuer) -> None:
    sent: list[tuple[str, bytes]] = []

    async def send(address: str, body: bytes) -> int:
        sent.append((address, body))
        return 200

    issuer.google._send = send
    await issuer.set_up(callbackOptions={"url": "https://cards.example.com/google/callback"})
    await issuer.google.hold(OBJECT_ID)
    await issuer.google.let_go(OBJECT_ID)
    assert [address for address, _ in sent] == ["https://cards.example.com/google/callback"] * 2
    assert [b'\\"save\\"' in body for _, body in sent] == [True, False]
