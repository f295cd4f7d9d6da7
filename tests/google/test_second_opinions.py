"""What others make of us: Google's own client drives our fake, PyJWT reads our save links, edutap's models read our bodies."""
import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from app.context import Context
from app.demo.fakes.google import ISSUER, FakeGoogle
from app.google import service
from tests.google.conftest import Wallet
from tests.shops import make_card, make_shop

SCOPES = ["https://www.googleapis.com/auth/wallet_object.issuer"]
CLASS_ID, OBJECT_ID = f"{ISSUER}.coffee", f"{ISSUER}.member-1"
CLASS = {"id": CLASS_ID, "issuerName": "Coffee corner", "programName": "Coffee corner", "reviewStatus": "UNDER_REVIEW",
         "programLogo": {"sourceUri": {"uri": "https://cards.example.com/logo.png"}}}
OBJECT = {"id": OBJECT_ID, "classId": CLASS_ID, "state": "ACTIVE", "loyaltyPoints": {"label": "Points", "balance": {"int": 5}}}
LINK = re.compile(r"https://pay\.google\.com/gp/v/save/[\w-]+\.[\w-]+\.[\w-]+")
PERSONAL = ("phone", "79161231234", "Анна", "barcode", "value")


# google-api-python-client against our fake

@pytest.fixture
async def google() -> AsyncIterator[FakeGoogle]:
    made = FakeGoogle()         # the client goes by the machine's clock
    await made.start()
    yield made
    await made.stop()


def official(google: FakeGoogle, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Google's client as its documentation makes one, but for the address."""
    from google.oauth2 import service_account
    from googleapiclient.discovery import build

    # It would ask Google itself, in the background, where its account may be used from.
    monkeypatch.setattr(service_account.Credentials, "_maybe_start_regional_access_boundary_refresh", lambda *_: None)
    file = folder / "account.json"
    file.write_text(json.dumps(google.new_account()), encoding="utf-8")
    credentials = service_account.Credentials.from_service_account_file(str(file), scopes=SCOPES)
    return build("walletobjects", "v1", credentials=credentials, static_discovery=True, cache_discovery=False,
                 client_options={"api_endpoint": google.root})


def driven(api: Any) -> dict[str, Any]:
    """A card's life through Google's client; what each step answered, or its status where it was refused."""
    from googleapiclient.errors import HttpError

    def tried(call: Any) -> Any:
        try:
            return call.execute()
        except HttpError as exc:
            return exc.status_code, exc.reason

    classes, objects = api.loyaltyclass(), api.loyaltyobject()
    return {
        "missing": tried(objects.get(resourceId=OBJECT_ID)), "classless": tried(objects.insert(body=OBJECT)),
        "class": tried(classes.insert(body=CLASS)), "object": tried(objects.insert(body=OBJECT)),
        "again": tried(objects.insert(body=OBJECT)),
        "typo": tried(objects.patch(resourceId=OBJECT_ID, body={"loyaltyPonts": {}})),
        "patched": tried(objects.patch(resourceId=OBJECT_ID, body={"loyaltyPoints": {"label": "Points", "balance": {"int": 9}}})),
        "message": tried(objects.addmessage(resourceId=OBJECT_ID, body={"message": {"header": "Hello", "body": "A cup waits"}})),
        "got": tried(objects.get(resourceId=OBJECT_ID)), "listed": tried(objects.list(classId=CLASS_ID)),
        "put": tried(objects.update(resourceId=OBJECT_ID, body={"id": OBJECT_ID, "classId": CLASS_ID, "state": "INACTIVE"})),
        "echoed": tried(classes.patch(resourceId=CLASS_ID, body={"reviewStatus": "APPROVED"}))}


async def test_googles_own_client_finds_our_fake_to_be_google(google: FakeGoogle, tmp_path: Path,
                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    api = official(google, tmp_path, monkeypatch)
    try:
        said = await asyncio.to_thread(driven, api)
    finally:
        api.close()
    assert [said[step][0] for step in ("missing", "classless", "again", "typo", "echoed")] == [404, 404, 409, 400, 400]
    assert "already exists" in said["again"][1]
    assert said["class"]["reviewStatus"] == "APPROVED"
    assert said["object"]["loyaltyPoints"]["balance"] == {"int": 5}
    assert said["patched"]["loyaltyPoints"]["balance"] == {"int": 9}
    assert [message["header"] for message in said["message"]["resource"]["messages"]] == ["Hello"]
    assert said["got"]["hasUsers"] is False
    assert [one["id"] for one in said["listed"]["resources"]] == [OBJECT_ID]
    assert {"loyaltyPoints", "messages"} & set(said["put"]) == set()
    assert google.token_requests == 1           # one token serves all calls


# Our links and bodies before others' eyes

async def test_a_save_link_is_skinny_short_and_verifies_with_the_public_key_alone(here: Context, wallet: Wallet,
                                                                                 key_file: dict[str, str]) -> None:
    card = await make_card(here, await make_shop(here), points=120)
    link = await service.save_link(here, card, here.clock.now())
    assert LINK.fullmatch(link)
    token = link.rpartition("/")[2]
    assert len(token) <= 1800
    key = load_pem_private_key(key_file["private_key"].encode(), None).public_key()
    public = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    claims = jwt.decode(token, public, algorithms=["RS256"], audience="google", options={"verify_iat": False})
    [stored] = wallet.fake.shelf.objects.values()
    assert claims == {"iss": key_file["client_email"], "aud": "google", "typ": "savetowallet", "origins": ["https://cards.example.com"],
                      "iat": int(here.clock.now().timestamp()),
                      "payload": {"loyaltyObjects": [{"id": stored["id"], "classId": stored["classId"]}]}}
    assert not [word for word in (*PERSONAL, card.number, card.code) if word in json.dumps(claims)]


async def test_edutaps_models_take_our_class_and_object_without_loss(here: Context, wallet: Wallet) -> None:
    from edutap.wallet_google import api

    card = await make_card(here, await make_shop(here), points=120)
    await service.save_link(here, card, here.clock.now())
    sent: dict[str, Callable[[], Any]] = {"LoyaltyClass": lambda: wallet.bodies("POST loyaltyClass"),
                                          "LoyaltyObject": lambda: wallet.bodies("POST loyaltyObject")}
    for name, bodies in sent.items():
        [body] = bodies()
        read = json.loads(api.new(name, body).model_dump_json(exclude_unset=True, by_alias=True))
        assert read == body
    with pytest.raises(ValueError, match="barcode"):
        api.new("LoyaltyObject", {**wallet.bodies("POST loyaltyObject")[0], "barcode": {"type": "QR"}})


async def test_our_token_requests_are_what_googles_library_sends(here: Context, wallet: Wallet, key_file: dict[str, str]) -> None:
    """The same claims, of the same kind: what Google takes from its own library it takes from us."""
    from google.oauth2 import service_account

    theirs = service_account.Credentials.from_service_account_info(key_file, scopes=SCOPES)._make_authorization_grant_assertion()
    theirs = jwt.decode(theirs, options={"verify_signature": False})
    seen: list[Any] = []
    grant = wallet.fake.accounts.grant

    def noting(form: Any) -> dict[str, Any]:
        seen.append(form)
        return grant(form)

    wallet.fake.accounts.grant = noting     # type: ignore[method-assign]
    await service.save_link(here, await make_card(here, await make_shop(here)), here.clock.now())
    ours = jwt.decode(seen[0]["assertion"], options={"verify_signature": False})
    assert ours.keys() == theirs.keys()
    assert {name: ours[name] for name in ("iss", "aud", "scope")} == {name: theirs[name] for name in ("iss", "aud", "scope")}
    assert ours["exp"] - ours["iat"] <= theirs["exp"] - theirs["iat"] == 3600
    assert jwt.get_unverified_header(seen[0]["assertion"]).keys() == {"alg", "typ", "kid"}
