"""Whose certificate signs what, on a server of two businesses; certificates that follow each other; and who hears of their end."""
import dataclasses
import json
import zipfile
from datetime import timedelta
from io import BytesIO

import pytest

from app.certificates import bringing, service, signers, store, watching, words
from app.certificates.uploads import Upload
from app.db import write_transaction
from app.errors import Invalid, NotFound, Refused
from app.passes import service as passes
from app.passes.check import check_pkpass
from app.secrets import KeyRing, new_key
from tests.certificates.authority import Authority, der, key, key_pem, pem
from tests.shops import make_card, make_shop

pytestmark = pytest.mark.usefixtures("same_process")
COFFEE, LEAF, SERVER = "pass.coffee.card", "pass.leaf.card", "pass.server.card"


class Apple:
    """The authority, and what a business does with its certificates."""

    def __init__(self, here):
        self.here = here
        self.authority = Authority(here.clock.now())

    def upload(self, number=1, **given):
        return Upload(pem(self.authority.issue(key(number).public_key(), **given)), key_pem(number), pem(self.authority.certificate))

    async def bring(self, shop, number=1, **given):
        return await bringing.bring(self.here, shop.who, self.upload(number, **given), self.here.clock.now())

    def serve(self, number=9, **given):
        """The server's own certificate, in its settings."""
        certificate = self.authority.issue(key(number).public_key(), **({"uid": SERVER, "team": "SERVER1234"} | given))
        self.here.settings = dataclasses.replace(self.here.settings, apple_certificate=pem(certificate), apple_key=key_pem(number),
                                                 apple_wwdr=pem(self.authority.certificate))
        return certificate


@pytest.fixture
def apple(here):
    return Apple(here)


async def pass_of(here, card):
    """What a phone gets: pass.json, after the strict checker."""
    built = await passes.hand_out(here, card, here.clock.now())
    return json.loads(zipfile.ZipFile(BytesIO(built.data)).read("pass.json")), built


async def test_a_businesss_own_pass_type_signs_its_cards_and_the_servers_those_of_others(here, shop, other_shop, apple):
    apple.serve()
    await apple.bring(shop)
    cards = [await make_card(here, each, phone=None) for each in (shop, other_shop)]
    shown = [(await pass_of(here, card))[0] for card in cards]
    assert [(each["passTypeIdentifier"], each["teamIdentifier"]) for each in shown] == [(COFFEE, "COFFEE1234"), (SERVER, "SERVER1234")]
    assert shown[0]["webServiceURL"] != shown[1]["webServiceURL"]


async def test_two_businesses_pass_types_live_beside_each_other(here, shop, other_shop, apple):
    await apple.bring(shop, 1, uid=COFFEE)
    await apple.bring(other_shop, 2, uid=LEAF)
    for each, name in ((shop, COFFEE), (other_shop, LEAF)):
        built = (await pass_of(here, await make_card(here, each, phone=None)))[1]
        contents = check_pkpass(built.data, root_pem=pem(apple.authority.root), now=here.clock.now())
        assert contents.pass_type_identifier == name


async def test_an_issued_pass_keeps_its_type_when_the_business_brings_its_own(here, shop, apple):
    apple.serve()
    card = await make_card(here, shop)
    before = (await pass_of(here, card))[0]
    await apple.bring(shop)
    after = (await pass_of(here, card))[0]
    assert {name: after[name] for name in ("passTypeIdentifier", "serialNumber", "webServiceURL", "authenticationToken")} == {
        name: before[name] for name in ("passTypeIdentifier", "serialNumber", "webServiceURL", "authenticationToken")}
    assert (await pass_of(here, await make_card(here, shop, phone="+79161231235")))[0]["passTypeIdentifier"] == COFFEE


async def test_a_certificate_that_follows_another_updates_the_old_passes(here, shop, apple):
    await apple.bring(shop, 1)
    card = await make_card(here, shop)
    first, built = await pass_of(here, card)
    assert (await service.signer_of(here, 1, here.clock.now())).key.public_key() == key(1).public_key()
    here.clock.advance(days=300)
    apple.authority.now = here.clock.now()
    await apple.bring(shop, 2)
    assert (await service.signer_of(here, 1, here.clock.now())).key.public_key() == key(2).public_key()
    here.clock.advance(days=300)                    # the first one is over by now
    second, rebuilt = await pass_of(here, card)
    assert first["serialNumber"] == second["serialNumber"]
    assert rebuilt.version == built.version         # another certificate is no other card
    check_pkpass(rebuilt.data, root_pem=pem(apple.authority.root), now=here.clock.now())


async def test_the_newest_certificate_that_is_valid_signs(here, shop, apple):
    await apple.bring(shop, 1)
    await apple.bring(shop, 2, start=here.clock.now() + timedelta(days=1))
    assert (await service.signer_of(here, 1, here.clock.now())).key.public_key() == key(1).public_key()
    here.clock.advance(days=2)
    assert (await service.signer_of(here, 1, here.clock.now())).key.public_key() == key(2).public_key()


@pytest.mark.goal("F15")
async def test_without_any_certificate_and_after_the_end_of_all_the_refusals_differ(here, shop, apple):
    with pytest.raises(service.NotSetUp, match="not set up"):
        await service.pass_type_for(here, shop.business_id, here.clock.now())
    kind = await apple.bring(shop)
    here.clock.advance(days=400)
    assert await service.pass_type_for(here, shop.business_id, here.clock.now()) == kind       # never the server's instead
    with pytest.raises(service.CertificateExpired, match="has expired"):
        await service.signer_of(here, kind.id, here.clock.now())


@pytest.mark.goal("F15")
async def test_a_retired_certificate_signs_nothing_and_brought_again_it_does(here, shop, apple):
    request_id = await bringing.request(here, shop.who, here.clock.now())
    certificate = apple.authority.answer(await bringing.request_text(here, shop.business_id, request_id))
    upload = Upload(der(certificate), wwdr=pem(apple.authority.certificate))
    kind = await bringing.bring(here, shop.who, upload, here.clock.now())
    assert [each.id for each in await bringing.listing(here, shop.business_id, here.clock.now())] == [request_id]
    await bringing.retire(here, shop.who, request_id, here.clock.now())
    with pytest.raises(service.NotSetUp):
        await service.signer_of(here, kind.id, here.clock.now())
    assert await bringing.bring(here, shop.who, upload, here.clock.now()) == kind
    assert [each.state for each in await bringing.listing(here, shop.business_id, here.clock.now())] == ["signs", "retired"]


async def test_a_pass_type_of_another_business_or_of_the_server_is_refused_without_telling_whose(here, shop, other_shop, apple):
    apple.serve()
    await apple.bring(shop)
    before = await here.db.fetch_val("SELECT COUNT(*) FROM certificates")
    sentences = set()
    for upload in (apple.upload(2, uid=COFFEE), apple.upload(2, uid=SERVER)):
        with pytest.raises(Invalid) as told:
            await bringing.bring(here, other_shop.who, upload, here.clock.now())
        sentences |= {field.detail for field in told.value.fields}
    assert len(sentences) == 1
    assert not {"coffee", "business", "server’s"} & set(sentences.pop().casefold().split())
    assert await here.db.fetch_val("SELECT COUNT(*) FROM certificates") == before


async def test_a_pass_type_never_changes_its_team(here, shop, apple):
    await apple.bring(shop)
    with pytest.raises(Invalid) as told:
        await apple.bring(shop, 2, team="OTHER12345")
    assert "another team" in told.value.fields[0].detail


async def test_the_same_certificate_is_not_taken_twice(here, shop, apple):
    upload = apple.upload()
    await bringing.bring(here, shop.who, upload, here.clock.now())
    with pytest.raises(Invalid) as told:
        await bringing.bring(here, shop.who, upload, here.clock.now())
    assert "here already" in told.value.fields[0].detail


async def test_a_refused_upload_names_its_field_and_writes_nothing(here, shop, apple):
    upload = dataclasses.replace(apple.upload(), key=key_pem(2))
    with pytest.raises(Invalid) as told:
        await bringing.bring(here, shop.who, upload, here.clock.now())
    assert [field.field for field in told.value.fields] == ["key"]
    assert await here.db.fetch_val("SELECT COUNT(*) FROM pass_types") == 0
    assert await here.db.fetch_val("SELECT COUNT(*) FROM certificates") == 0


async def test_a_key_lies_sealed_for_its_own_row(here, shop, apple):
    await apple.bring(shop)
    [row] = await store.of_business(here.db, shop.business_id)
    assert b"PRIVATE" not in row.key_sealed
    assert signers.open_key(here.ring, row)
    with pytest.raises(ValueError, match="sealed for another purpose"):
        signers.open_key(here.ring, dataclasses.replace(row, id=row.id + 1))
    held = json.dumps([dict(each) for each in await here.db.fetch_all("SELECT action, details FROM audit_entries")], default=str)
    assert "certificate.bring" in held
    assert "PRIVATE" not in held


async def test_a_key_that_the_ring_cannot_open_stops_this_type_alone_and_says_so(here, shop, other_shop, apple, caplog):
    await apple.bring(shop, 1, uid=COFFEE)
    kind = await apple.bring(other_shop, 2, uid=LEAF)
    await write_transaction(here.db, lambda tx: store.set_key(tx, 1, KeyRing([new_key()]).seal("certificates.key", b"x", b"1")))
    here.extras.clear()
    assert await service.signer_of(here, kind.id, here.clock.now())
    [shown] = await bringing.listing(here, shop.business_id, here.clock.now())
    assert (shown.state, "TESSERA_SECRET_KEY" in shown.sentence) == ("faulty", True)
    assert "TESSERA_SECRET_KEY" in caplog.text


async def test_strangers_find_no_request_and_retire_nothing(here, shop, other_shop):
    made = await bringing.request(here, shop.who, here.clock.now())
    with pytest.raises(NotFound):
        await bringing.request_text(here, other_shop.business_id, made)
    with pytest.raises(NotFound):
        await bringing.retire(here, other_shop.who, made, here.clock.now())
    assert [each.state for each in await bringing.listing(here, shop.business_id, here.clock.now())] == ["waiting"]


async def test_five_requests_may_wait_and_no_more(here, shop, monkeypatch):
    monkeypatch.setattr(bringing.uploads, "new_request", lambda name: ("request", b"key"))
    made = [await bringing.request(here, shop.who, here.clock.now()) for _ in range(5)]
    with pytest.raises(Refused, match="Five signing requests"):
        await bringing.request(here, shop.who, here.clock.now())
    await bringing.retire(here, shop.who, made[0], here.clock.now())
    assert await bringing.request(here, shop.who, here.clock.now())


async def test_another_process_notices_an_upload_within_seconds(here, shop, apple):
    other = dataclasses.replace(here, extras={})
    with pytest.raises(service.NotSetUp):
        await service.pass_type_for(other, shop.business_id, here.clock.now())
    await apple.bring(shop)
    here.clock.advance(seconds=5)
    assert (await service.pass_type_for(other, shop.business_id, here.clock.now())).pass_type_identifier == COFFEE


async def test_pushes_get_an_identity_for_each_valid_certificate_and_hear_of_a_change(here, shop, other_shop, apple):
    apple.serve()
    woken = []
    await here.db.listen(service.CHANNEL, lambda: woken.append(1))
    await pass_of(here, await make_card(here, other_shop, phone=None))
    await apple.bring(shop, 1)
    await apple.bring(shop, 2)
    found = await service.identities(here, here.clock.now())
    assert sorted((each.pass_type_identifier, each.certificate_id or 0) for each in found) == [(COFFEE, 1), (COFFEE, 2), (SERVER, 0)]
    assert all(each.chain_pem.count(b"BEGIN CERTIFICATE") == 2 for each in found)
    assert await service.identities(here, here.clock.now()) == found
    here.clock.advance(days=400)
    assert await service.identities(here, here.clock.now()) == []
    if here.db.engine == "sqlite":
        assert woken


async def test_a_server_whose_own_type_a_business_has_says_so_and_issues_nothing_under_it(here, shop, other_shop, apple, caplog):
    await apple.bring(shop, 1, uid=SERVER)
    apple.serve()
    with pytest.raises(service.NotSetUp):
        await service.pass_type_for(here, other_shop.business_id, here.clock.now())
    assert "belongs to a business" in caplog.text


@pytest.mark.goal("F15")
@pytest.mark.parametrize(("days_left", "threshold"), [
    (61, None), (60, 60), (31, 60), (30, 30), (14, 14), (7, 7), (2, 7), (1, 1), (0, 1), (-1, 0)])
async def test_each_threshold_is_a_warning_until_the_next(here, shop, apple, days_left, threshold):
    await apple.bring(shop, days=365)
    here.clock.advance(days=365 - days_left, hours=-2)
    found = await service.warnings(here, here.clock.now(), shop.business_id)
    assert [each.threshold for each in found] == ([] if threshold is None else [threshold])


@pytest.mark.goal("F15")
async def test_a_successor_silences_the_warnings(here, shop, apple):
    await apple.bring(shop, 1)
    here.clock.advance(days=340)
    apple.authority.now = here.clock.now()
    assert await service.warnings(here, here.clock.now())
    await apple.bring(shop, 2)
    assert await service.warnings(here, here.clock.now()) == []


@pytest.mark.goal("F15")
async def test_owners_get_each_warning_once_by_mail_and_the_operator_the_servers(here, shop, other_shop, apple):
    here.settings = dataclasses.replace(here.settings, smtp="smtp://127.0.0.1:1", mail_from="cards@example.com",
                                        operator="operator@example.com")
    apple.serve(days=100)
    await apple.bring(shop, days=100)
    sent = []
    for days in (30, 10, 20, 11, 8, 8, 7, 5, 2, 5):         # 70 days left, then 60, 40, 29, 21, 13, 6, 1, -1, -6
        here.clock.advance(days=days)
        sent.append(await watching.warn_due(here))
        assert await watching.warn_due(here) == 0
    assert sent == [0, 2, 0, 2, 0, 2, 2, 2, 2, 0]
    rows = await here.db.fetch_all("SELECT id, business_id, dedupe, text_sealed FROM mails ORDER BY id")
    texts = [json.loads(here.ring.open_text("mail.text", bytes(row["text_sealed"]), str(row["id"]).encode())) for row in rows]
    assert {text["to"] for text in texts} == {"owner@coffee.example.com", "operator@example.com"}
    assert {row["business_id"] for row in rows} == {shop.business_id, None}
    assert not [row for row in rows if "@" in row["dedupe"]]
    assert "https://cards.example.com/console/certificates" in next(
        text["text"] for text in texts if text["to"].startswith("owner"))


@pytest.mark.goal("F15")
async def test_without_a_mail_server_nothing_is_queued_for_later(here, shop, apple):
    await apple.bring(shop, days=20)
    assert await watching.warn_due(here) == 0
    assert await here.db.fetch_val("SELECT COUNT(*) FROM mails") == 0


@pytest.mark.goal("F15")
async def test_the_console_tells_managers_of_their_own_and_owners_of_the_servers_too(here, shop, other_shop, apple):
    apple.serve(days=20)
    await apple.bring(shop, days=20)
    now = here.clock.now()
    assert [each.is_own for each in await watching.banners(here, shop.business_id, "manager", "en", now)] == [True]
    assert sorted(each.is_own for each in await watching.banners(here, shop.business_id, "owner", "ru", now)) == [False, True]
    assert await watching.banners(here, other_shop.business_id, "manager", "en", now) == []
    [told] = await watching.banners(here, other_shop.business_id, "owner", "en", now)
    assert COFFEE not in told.sentence


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_words_name_the_day_and_what_follows(here, shop, apple, language):
    await apple.bring(shop, days=20)
    [warning] = await service.warnings(here, here.clock.now())
    expired = dataclasses.replace(warning, threshold=0, days_left=-3)
    last = dataclasses.replace(warning, threshold=1, days_left=0)
    for each in (warning, expired, last):
        assert ("12 December 2026" if language == "en" else "12 декабря 2026") in words.sentence(each, language).replace("\xa0", " ")
        assert words.subject(each, language).startswith("Tessera: ")
    assert ("19 days left" if language == "en" else "ещё 19 дней") in words.sentence(warning, language).replace("\xa0", " ")


async def test_metrics_count_the_seconds_of_each_pass_type(here, shop, apple):
    await apple.bring(shop, days=2)
    left = await watching.seconds_left(here, here.clock.now())
    assert left == {COFFEE: 47 * 3600.0}


async def test_a_shop_made_later_uses_the_servers_type_too(here, shop, apple):
    apple.serve()
    kind = await service.pass_type_for(here, shop.business_id, here.clock.now())
    third = await make_shop(here, slug="third", name="Third")
    assert await service.pass_type_for(here, third.business_id, here.clock.now()) == kind
    assert await service.can_issue(here, third.business_id, here.clock.now())
