"""What a wallet would refuse of a business's extras, each with a sentence beside its field."""
import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.designs.rules import default_content, validate
from app.designs.wallet import Action, Nfc, RelevantSpan, WalletExtras, wrong_extras
from app.errors import Invalid


def spki(key) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


P256 = spki(ec.generate_private_key(ec.SECP256R1()))
SPAN = RelevantSpan("2026-12-05T18:00:00+03:00", "2026-12-06T18:00:00+03:00")


@pytest.mark.parametrize("extras", [
    WalletExtras(), WalletExtras(phone="+7 (495) 123-45-67", mail="a.b+c@example.co.uk", site="https://example.com/cards?a=1"),
    WalletExtras(near=(("en", "Come in"), ("pt-BR", "Entre")), max_distance=50), WalletExtras(relevant=(SPAN,) * 10),
    WalletExtras(actions=(Action("shop", "https://example.com"), Action("call", "tel:+74951234567"))),
    WalletExtras(actions=(Action("order", "mailto:hello@example.com"), Action("place", place="I1234ABCD"))),
    WalletExtras(nfc=Nfc(P256)), WalletExtras(app_store_ids=(389801252,), app_url="coffee://card"), WalletExtras(app_store_ids=(1, 2)),
    WalletExtras(app_store_ids=(1,), app_url="https://example.com/app")])
def test_what_a_wallet_can_use_is_taken(extras):
    assert wrong_extras(extras) == []


@pytest.mark.parametrize(("extras", "field", "code"), [
    (WalletExtras(phone="ask us"), "phone", "phone"), (WalletExtras(phone="1"), "phone", "phone"),
    (WalletExtras(mail="hello"), "mail", "mail"), (WalletExtras(mail="a b@example.com"), "mail", "mail"),
    (WalletExtras(site="example.com"), "site", "url"), (WalletExtras(site="http://example.com"), "site", "url"),
    (WalletExtras(site="https://"), "site", "url"), (WalletExtras(site="https://a@example.com"), "site", "url"),
    (WalletExtras(site="https://exa mple.com"), "site", "url"), (WalletExtras(site="https://example.com:x"), "site", "url"),
    (WalletExtras(near=(("en", "a"), ("en", "b"))), "near", "many"),
    (WalletExtras(near=tuple((f"a{letter}", "x") for letter in "abcdefghijk")), "near", "many"),
    (WalletExtras(near=(("english", "a"),)), "near", "language"), (WalletExtras(near=(("en", " "),)), "near.en", "required"),
    (WalletExtras(near=(("en", "x" * 101),)), "near.en", "too_long"), (WalletExtras(near=(("en", "a\nb"),)), "near.en", "characters"),
    (WalletExtras(max_distance=0), "max_distance", "range"), (WalletExtras(max_distance=10_001), "max_distance", "range"),
    (WalletExtras(relevant=(SPAN,) * 11), "relevant", "many"),
    (WalletExtras(relevant=(RelevantSpan("2026-12-05T18:00:00", SPAN.end),)), "relevant.0", "moment"),
    (WalletExtras(relevant=(SPAN, RelevantSpan("soon", "later"))), "relevant.1", "moment"),
    (WalletExtras(relevant=(RelevantSpan("2026-12-05", "2026-12-06"),)), "relevant.0", "moment"),
    (WalletExtras(relevant=(RelevantSpan(SPAN.start, "2026-12-06T18:00:01+03:00"),)), "relevant.0", "span"),
    (WalletExtras(relevant=(RelevantSpan(SPAN.end, SPAN.start),)), "relevant.0", "span"),
    (WalletExtras(relevant=(RelevantSpan(SPAN.end, SPAN.end),)), "relevant.0", "span"),
    (WalletExtras(actions=(Action("shop", "https://example.com"),) * 3), "actions", "many"),
    (WalletExtras(actions=(Action("buy", "https://example.com"),)), "actions.0", "action"),
    (WalletExtras(actions=(Action("shop", "http://example.com"),)), "actions.0", "action"),
    (WalletExtras(actions=(Action("shop", "javascript:alert(1)"),)), "actions.0", "action"),
    (WalletExtras(actions=(Action("shop"),)), "actions.0", "action"),
    (WalletExtras(actions=(Action("shop", "https://example.com", "I1"),)), "actions.0", "action"),
    (WalletExtras(actions=(Action("call", "https://example.com"),)), "actions.0", "action"),
    (WalletExtras(actions=(Action("place", "https://example.com"),)), "actions.0", "action"),
    (WalletExtras(actions=(Action("place", place="a b"),)), "actions.0", "action"),
    (WalletExtras(nfc=Nfc("")), "nfc", "key"), (WalletExtras(nfc=Nfc("%%%")), "nfc", "key"),
    (WalletExtras(nfc=Nfc(spki(ec.generate_private_key(ec.SECP384R1())))), "nfc", "key"),
    (WalletExtras(nfc=Nfc(spki(rsa.generate_private_key(65537, 1024)))), "nfc", "key"),
    (WalletExtras(app_store_ids=(0,)), "app_store_ids", "app"), (WalletExtras(app_store_ids=(7, 7)), "app_store_ids", "app"),
    (WalletExtras(app_store_ids=(1, 2, 3, 4, 5, 6)), "app_store_ids", "app"),
    (WalletExtras(app_url="coffee://card"), "app_url", "app"), (WalletExtras(app_store_ids=(1,), app_url="card"), "app_url", "url"),
    (WalletExtras(app_store_ids=(1,), app_url="javascript:alert(1)"), "app_url", "url")])
def test_what_a_wallet_would_refuse_is_told_beside_its_field(extras, field, code):
    content = default_content("Coffee corner")
    validate(content)
    with pytest.raises(Invalid) as refused:
        validate(type(content)(**{name: getattr(content, name) for name in content.__struct_fields__ if name != "wallet"}, wallet=extras))
    assert [(error.field, error.code) for error in refused.value.fields] == [(f"wallet.{field}", code)]


def test_every_mistake_is_told_at_once():
    extras = WalletExtras(phone="x", mail="x", site="x", max_distance=0, actions=(Action("x"), Action("y")), nfc=Nfc("x"))
    assert [error.field for error in wrong_extras(extras)] == [
        "wallet.phone", "wallet.mail", "wallet.site", "wallet.max_distance", "wallet.actions.0", "wallet.actions.1", "wallet.nfc"]
