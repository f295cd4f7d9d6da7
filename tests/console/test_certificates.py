"""The page of certificates: a request made and answered, files brought, mistakes beside their fields, and nothing of a key shown."""
import re
from datetime import timedelta

import pytest

from app.certificates import opening
from tests.certificates.authority import Authority, der, key, key_pem, packed, pem
from tests.console.visiting import HOST, rows, words_of

PAGE = "/console/certificates"


@pytest.fixture(autouse=True)
def same_process(monkeypatch):
    """Without the child that opens files; one test below goes the whole way."""
    monkeypatch.setattr(opening, "opened", opening.read_files)


@pytest.fixture
def apple(here):
    return Authority(here.clock.now())


async def send(visitor, *, token=None, password="", **files):
    fields = {"csrf": visitor.token if token is None else token, "password": password}
    return await visitor.client.post(PAGE, data=fields, files={name: (f"{name}.cer", content) for name, content in files.items()},
                                     headers={"Cookie": visitor.cookie, "Accept-Language": "en", "Origin": HOST})


async def test_a_request_is_made_downloaded_and_answered_by_the_certificate_alone(here, owner, apple):
    assert (await owner.post(f"{PAGE}/request")).status_code == 303
    page = await owner.get(PAGE)
    [address] = re.findall(rf'href="({PAGE}/crt_[^"]+/request)"', page.text)
    file = await owner.get(address)
    assert file.headers["content-type"] == "application/pkcs10"
    assert file.text.startswith("-----BEGIN CERTIFICATE REQUEST-----")
    assert "PRIVATE" not in file.text
    sent = await send(owner, certificate=der(apple.answer(file.text)), wwdr=pem(apple.certificate))
    assert (sent.status_code, sent.headers["location"]) == (303, f"{PAGE}?done=brought")
    page = await owner.page(PAGE)
    assert "pass.coffee.card" in page
    assert "signs your cards" in page
    assert "days left: 364" in page


async def test_a_p12_with_its_password_is_taken_and_the_password_shown_nowhere(here, owner, apple, monkeypatch):
    monkeypatch.undo()
    file = packed(apple.issue(key(1).public_key()), key(1), [apple.certificate], "pass word 1")
    wrong = await send(owner, certificate=file, password="pass word 2")
    assert (wrong.status_code, "pass word 2" in wrong.text) == (422, False)
    assert "The password does not open this .p12 file." in words_of(wrong)
    assert (await send(owner, certificate=file, password="pass word 1")).status_code == 303


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_a_mistake_stands_beside_its_field_in_the_readers_language_and_nothing_is_kept(here, owner, apple, language):
    before = await rows(here)
    answer = await owner.client.post(
        PAGE, data={"csrf": owner.token, "password": ""}, files={
            "certificate": ("a.cer", pem(apple.issue(key(1).public_key()))), "key": ("a.key", key_pem(2)),
            "wwdr": ("w.cer", pem(apple.certificate))},
        headers={"Cookie": owner.cookie, "Accept-Language": language, "Origin": HOST})
    assert answer.status_code == 422
    beside = re.search(r'id="key-error"[^>]*>.*?<span>(.*?)</span>', answer.text, re.DOTALL)
    assert ("does not belong" if language == "en" else "не подходит") in beside[1]
    assert await rows(here) == before


async def test_a_certificate_is_taken_out_of_use(here, owner, apple):
    await send(owner, certificate=pem(apple.issue(key(1).public_key())), key=key_pem(1), wwdr=pem(apple.certificate))
    [address] = re.findall(rf'action="({PAGE}/crt_[^"]+/retire)"', (await owner.get(PAGE)).text)
    assert (await owner.post(address)).status_code == 303
    assert "No certificate yet" in await owner.page(PAGE)
    assert (await owner.post(address)).status_code == 404


async def test_managers_strangers_and_forged_forms_change_nothing(here, owner, manager, other_shop, client, apple):
    from tests.console.visiting import sign_in
    stranger = await sign_in(client, "owner@leaf.example.com")
    await owner.post(f"{PAGE}/request")
    [address] = re.findall(rf'href="({PAGE}/crt_[^"]+/request)"', (await owner.get(PAGE)).text)
    before = await rows(here)
    assert (await manager.get(PAGE)).status_code == 403
    assert (await manager.post(f"{PAGE}/request")).status_code == 403
    assert (await stranger.get(address)).status_code == 404
    assert (await stranger.post(address.replace("/request", "/retire"))).status_code == 404
    assert (await send(owner, token="0" * 32, certificate=pem(apple.issue(key(1).public_key())))).status_code == 403
    assert await rows(here) == before


async def test_files_that_are_too_large_are_refused(here, owner):
    assert (await send(owner, certificate=b"x" * 200_000)).status_code == 413


@pytest.mark.goal("F15")
async def test_every_page_warns_owners_and_managers_of_an_end_that_is_near(here, owner, manager, apple):
    await send(owner, certificate=pem(apple.issue(key(1).public_key(), days=20)), key=key_pem(1), wwdr=pem(apple.certificate))
    told = "Your certificate for Apple Wallet cards (pass.coffee.card) ends on 12 December 2026"
    for visitor in (owner, manager):
        assert told in await visitor.page("/console/customers")
    assert "заканчивается 12 декабря 2026" in await owner.page("/console", "ru")
    here.clock.advance(days=21)
    from tests.console.visiting import sign_in
    assert "expired on 12 December 2026" in await (await sign_in(owner.client, "manager@coffee.example.com")).page("/console")


async def test_metrics_name_the_pass_type_and_no_key(here, owner, apple):
    await send(owner, certificate=pem(apple.issue(key(1).public_key(), start=here.clock.now() - timedelta(days=1), days=2)), key=key_pem(1),
               wwdr=pem(apple.certificate))
    answer = await owner.client.get("/metrics")
    assert 'tessera_pass_certificate_seconds_left{pass_type="pass.coffee.card"} 86400.0' in answer.text
    assert 'tessera_passes_kept{outcome="too_large"} 0.0' in answer.text
