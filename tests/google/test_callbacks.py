"""Only what Google signed, for us and for now, is believed. Every case is also put to two verifiers that others wrote."""
import functools
import json
import types
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.clock import from_ms, to_ms
from app.demo.fakes.google_callbacks import PROTOCOL, public_text, sign
from app.google.callbacks import FURTHEST, BadCallback, RootKey, UnknownRoot, parse_root_keys, signed_bytes, verify
from tests.google.callback_bodies import (
    CLASS_ID,
    ISSUER,
    NOW,
    OBJECT_ID,
    RECORDED,
    RECORDED_ENDS_MS,
    RECORDED_ISSUER,
    RECORDED_MS,
    RECORDED_ROOT,
    Signer,
    raw,
)

OTHER = "3388000000099999999"
ROOTS = (RootKey(RECORDED_ROOT, PROTOCOL, RECORDED_MS + 86_400_000),)
signer = Signer()


def judged(body: bytes, keys: dict[str, Any] | None = None, now: Any = NOW) -> bool:
    try:
        verify(body, parse_root_keys(json.dumps(keys or signer.root_keys()).encode()), [ISSUER], now)
    except BadCallback:
        return False
    return True


# What Google signed

def test_what_is_signed_are_lengths_and_bytes() -> None:
    assert signed_bytes(("GooglePayPasses", ISSUER, PROTOCOL, "{}")).hex() == (
        "0f000000476f6f676c6550617950617373657313000000333338383030303030303032323232323232380f000000"
        "454376325369676e696e674f6e6c79020000007b7d")


def test_a_callback_that_google_signed_is_believed() -> None:
    event = verify(RECORDED, ROOTS, [RECORDED_ISSUER], from_ms(RECORDED_MS))
    assert (event.kind, event.issuer_id, event.class_id) == ("del", RECORDED_ISSUER, f"{RECORDED_ISSUER}.lib.edutap.eu")
    assert event.object_id == f"{RECORDED_ISSUER}.6b4cbd15-0de7-4fe8-95f6-995a51b4595e.object"
    assert (event.nonce, event.expires_at) == ("1a9e3df0-ec10-4a17-8b39-89d2d7f48e3b", from_ms(RECORDED_ENDS_MS))


def test_a_recorded_callback_is_believed_until_the_millisecond_that_it_names() -> None:
    assert verify(RECORDED, ROOTS, [RECORDED_ISSUER], from_ms(RECORDED_ENDS_MS - 1))
    with pytest.raises(BadCallback, match="expired"):
        verify(RECORDED, ROOTS, [RECORDED_ISSUER], from_ms(RECORDED_ENDS_MS))


@pytest.mark.parametrize(("changed", "issuer"), [
    (RECORDED, RECORDED_ISSUER[:-1] + "8"), (RECORDED, OTHER),
    (RECORDED.replace(rb"\\u003d", b"="), RECORDED_ISSUER), (RECORDED.replace(rb"\"del\"", rb"\"save\""), RECORDED_ISSUER),
    (RECORDED.replace(rb"\"count\":1", rb"\"count\": 1"), RECORDED_ISSUER), (RECORDED.replace(b"MEUCIQC+", b"MEUCIQC/"), RECORDED_ISSUER)])
def test_a_recorded_callback_is_refused_once_anything_of_it_is_another(changed: bytes, issuer: str) -> None:
    with pytest.raises(BadCallback):
        verify(changed, ROOTS, [issuer], from_ms(RECORDED_MS))


def test_a_recorded_callback_with_its_padding_written_plainly_fails_at_the_intermediate_key() -> None:
    with pytest.raises(UnknownRoot):
        verify(RECORDED.replace(rb"\\u003d", b"="), ROOTS, [RECORDED_ISSUER], from_ms(RECORDED_MS))


# What we sign, and what others make of it

class Cache:
    """Hands the webhook verifier our root keys, so that it never goes on line."""

    def __init__(self, keys: list[dict[str, Any]]) -> None:
        self.keys = keys

    def get(self, key: str) -> Any:
        return self.keys

    def set(self, key: str, value: Any, timeout: int | None = None) -> None:
        raise AssertionError


Others = Callable[[bytes, dict[str, Any]], Any]


@pytest.fixture
def webhook_auth(monkeypatch: pytest.MonkeyPatch) -> Others:
    """google-wallet-webhook-auth, with our clock."""
    from google_wallet_webhook_auth import Validator, validator
    from google_wallet_webhook_auth.cache import CacheConfig
    from google_wallet_webhook_auth.exceptions import SignatureVerificationError

    monkeypatch.setattr(validator, "time", types.SimpleNamespace(time=NOW.timestamp))

    async def judge(body: bytes, keys: dict[str, Any]) -> bool:
        try:
            Validator(ISSUER, CacheConfig("keys", Cache(keys["keys"]))).validate(json.loads(body))  # type: ignore[arg-type]
        except SignatureVerificationError:
            return False
        return True

    return judge


@pytest.fixture
def edutap(monkeypatch: pytest.MonkeyPatch) -> Others:
    """edutap.wallet_google, with our clock and our root keys to download."""
    from edutap.wallet_google.handlers import validate
    from edutap.wallet_google.models.handlers import CallbackData

    monkeypatch.setattr(validate, "time", types.SimpleNamespace(time=NOW.timestamp))
    monkeypatch.setattr(validate, "GOOGLE_ROOT_SIGNING_PUBLIC_KEYS_VALUE", {})

    async def judge(body: bytes, keys: dict[str, Any]) -> bool:
        transport = httpx.MockTransport(lambda request: httpx.Response(200, json=keys))
        monkeypatch.setattr(validate, "httpx", types.SimpleNamespace(AsyncClient=functools.partial(httpx.AsyncClient, transport=transport)))
        try:
            await validate.verified_signed_message(CallbackData.model_validate_json(body))
        except ValueError:
            return False
        return True

    return judge


def with_text(old: str, new: str) -> dict[str, Any]:
    body = signer.callback()
    return {**body, "signedMessage": body["signedMessage"].replace(old, new)}


def with_first_signature_bad() -> dict[str, Any]:
    body = signer.callback()
    key = body["intermediateSigningKey"]
    return {**body, "intermediateSigningKey": {**key, "signatures": [sign(signer.key, "nothing"), *key["signatures"]]}}


def good(**message: Any) -> Callable[[], dict[str, Any]]:
    return lambda: signer.callback(**message)


# What is sent, the root keys, and the verdicts: ours, google-wallet-webhook-auth's, edutap's. Where they differ from ours they are wrong:
# the first looks at no message's end and at nothing of a root key but its value, the second believes what a message says about
# whom it is for; both count characters where bytes are meant, so no text beyond ASCII ever verifies.
CASES: list[tuple[str, Callable[[], dict[str, Any]], dict[str, Any], bool, bool, bool]] = [
    ("a card is saved", good(), {}, True, True, True),
    ("a card is removed", good(eventType="del"), {}, True, True, True),
    ("without a count", good(count=None), {}, True, True, False),
    ("with a member more in the message", good(more={"a": 1}), {}, True, True, True),
    ("milliseconds as text", good(expTimeMillis=str(to_ms(NOW + timedelta(hours=1)))), {}, True, True, True),
    ("the first of two signatures is bad", with_first_signature_bad, {}, True, True, True),
    ("text beyond ASCII", good(note="Кофе ☕"), {}, True, False, False),
    ("a message for another issuer", good(issuer=OTHER, classId=f"{OTHER}.coffee", objectId=f"{OTHER}.member-1"), {}, False, False, True),
    ("another issuer's message about our card", good(issuer=OTHER), {}, False, False, False),
    ("our class and another's object", good(objectId=f"{OTHER}.member-1"), {}, False, True, True),
    ("a class whose name only begins like ours", good(classId=f"{ISSUER}0.coffee"), {}, False, True, False),
    ("another sender", good(sender="GoogleWalletPasses"), {}, False, False, False),
    ("a changed message", lambda: with_text('"save"', '"del"'), {}, False, False, False),
    ("a re-spaced message", lambda: with_text('":', '": '), {}, False, False, False),
    ("another root", good(), {"keyValue": public_text(Signer().root)}, False, False, False),
    ("an intermediate key that has expired", good(key_ends=NOW - timedelta(seconds=1)), {}, False, False, False),
    ("a message that has expired", good(expTimeMillis=to_ms(NOW - timedelta(milliseconds=1))), {}, False, True, False),
    ("a message for ever", good(expTimeMillis=to_ms(NOW + FURTHEST) + 1), {}, False, True, True),
    ("a root of another version", good(), {"protocolVersion": "ECv2"}, False, True, False),
    ("a root that has expired", good(), {"keyExpiration": str(to_ms(NOW))}, False, True, False),
    ("a root that names no end", good(), {"keyExpiration": None}, False, True, True),
]


@pytest.mark.parametrize(("made", "root", "ours", "webhook", "edutaps"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_a_callback_is_judged_rightly_and_others_judge_as_is_known(
        made: Callable[[], dict[str, Any]], root: dict[str, Any], ours: bool, webhook: bool, edutaps: bool, webhook_auth: Others,
        edutap: Others) -> None:
    body, keys = raw(made()), signer.root_keys(**root)
    assert (judged(body, keys), await webhook_auth(body, keys), await edutap(body, keys)) == (ours, webhook, edutaps)


def test_the_limit_of_a_day_ahead_is_still_believed() -> None:
    assert judged(raw(signer.callback(expTimeMillis=to_ms(NOW + FURTHEST))))


def test_any_of_our_issuers_may_be_meant_and_no_begin_of_one_is_mistaken_for_it() -> None:
    roots = parse_root_keys(json.dumps(signer.root_keys()).encode())
    assert verify(raw(signer.callback()), roots, [OTHER, ISSUER], NOW).issuer_id == ISSUER
    for issuers in ([ISSUER[:-1]], [ISSUER + "1"], []):
        with pytest.raises(BadCallback):
            verify(raw(signer.callback()), roots, issuers, NOW)


def test_an_envelope_may_be_spaced_but_has_exactly_its_members() -> None:
    body = signer.callback()
    assert judged(json.dumps(body, indent=2, ensure_ascii=True).encode())
    wrong = [{**body, "more": 1}, {name: value for name, value in body.items() if name != "signature"}, {**body, "protocolVersion": "ECv2"},
             {**body, "intermediateSigningKey": {**body["intermediateSigningKey"], "more": 1}}, {**body, "signature": None},
             {**body, "intermediateSigningKey": None}, {**body, "signature": "!" + body["signature"]}, {**body, "signedMessage": {}},
             {**body, "intermediateSigningKey": {**body["intermediateSigningKey"], "signatures": []}},
             {**body, "intermediateSigningKey": {**body["intermediateSigningKey"], "signatures": [1]}},
             {**body, "signedMessage": "\ud800"}]
    assert not [one for one in wrong if judged(json.dumps(one).encode())]


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"\xff", b"[" * 20_000, b'{"signature": 1' + b" " * 16_384 + b"}"])
def test_what_is_no_callback_at_all_is_refused(body: bytes) -> None:
    assert not judged(body)


def test_a_member_that_stands_twice_is_refused() -> None:
    body = raw(signer.callback())
    assert not judged(body.replace(b"{", b'{"protocolVersion": "ECv2SigningOnly", ', 1))


@pytest.mark.parametrize("message", [
    {"nonce": None}, {"nonce": ""}, {"nonce": 5}, {"nonce": "a" * 201}, {"nonce": "a\nb"}, {"eventType": "steal"}, {"eventType": None},
    {"expTimeMillis": None}, {"expTimeMillis": True}, {"expTimeMillis": "soon"}, {"expTimeMillis": 10**30}, {"expTimeMillis": 1e12},
    {"classId": None}, {"objectId": 5}])
def test_a_signed_message_that_lacks_what_it_needs_is_refused(message: dict[str, Any]) -> None:
    assert not judged(raw(signer.callback(**message)))


def test_a_key_that_is_no_p256_key_vouches_for_nothing() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    other = Signer(key=ec.generate_private_key(ec.SECP384R1()), root=signer.root)
    assert not judged(raw(other.callback()))
    for value in ("", "AAAA", "not base64", public_text(other.key)):
        assert not judged(raw(signer.callback()), signer.root_keys(keyValue=value))


@pytest.mark.parametrize("content", [b"", b"{}", b'{"keys": {}}', b"[]"])
def test_a_list_of_root_keys_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(BadCallback):
        parse_root_keys(content)


def test_every_altered_byte_of_a_callback_is_noticed() -> None:
    """Not of the JSON around the texts, where white space may be another."""
    body = signer.callback()
    text = body["signedMessage"]
    for place in range(0, len(text), 7):
        changed = text[:place] + ("0" if text[place] != "0" else "1") + text[place + 1:]
        assert not judged(raw({**body, "signedMessage": changed}))
    assert CLASS_ID in text and OBJECT_ID in text
