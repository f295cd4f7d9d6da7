"""Pictures of a till's camera: what is read, for whom, and what is refused before anything is unpacked."""
import asyncio
import logging
import re
import struct

import pytest

from app.cards import service as cards
from app.cards.rules import draw_code
from app.db import write_transaction
from app.designs import service as designs
from app.designs.wallet import WalletExtras
from app.errors import Malformed, TooLarge
from app.programs import service as programs
from app.till import frame_reader, frames
from tests.shops import PASSWORD, make_card
from tests.till import drawn

ORIGIN = {"Origin": "https://cards.example.com", "Accept-Language": "en"}
EVERY = frozenset(drawn.KINDS)


@pytest.fixture
async def camera(client, shop):
    """Sends a picture as the scan page does: camera(jpeg, **headers)."""
    client.headers.update(ORIGIN)
    await client.post("/till/sign-in", data={"email": "cashier@coffee.example.com", "password": PASSWORD})
    token = re.search(r'name="csrf" value="([^"]*)"', (await client.get("/till")).text)[1]

    async def send(body: bytes, **headers: str):
        return await client.post("/till/frame", content=body, headers={"Content-Type": "image/jpeg", "X-CSRF-Token": token, **headers})

    return send


def picture(text: str, kind: str = "qr_code") -> bytes:
    return drawn.jpeg(drawn.square(drawn.frame(kind, text)))


def sized(jpeg: bytes, width: int, height: int) -> bytes:
    """The same file with another size in its frame header (ITU T.81, B.2.2)."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4:]


async def shows(here, shop, kind: str) -> None:
    """The shop's cards show their code so from now on."""
    program = await programs.get_program(here.db, shop.business_id, shop.program_id)
    content = await designs.content_of(here.db, program)
    changed = type(content)(**{name: getattr(content, name) for name in content.__struct_fields__} | {"wallet": WalletExtras(barcode=kind)})
    await write_transaction(here.db, lambda tx: designs.publish(tx, shop.who, shop.program_id, changed, here.clock.now()))


async def test_a_picture_of_a_card_is_answered_with_its_code_and_its_page(camera, here, shop, client):
    card = await make_card(here, shop)
    answer = await camera(picture(card.code))
    assert (answer.status_code, answer.json()["code"], answer.json()["says"]) == (200, card.code, "")
    assert "Анна" in (await client.get(answer.json()["url"])).text


async def test_a_code_that_leads_nowhere_is_told_with_the_reason_and_an_empty_picture_with_nothing(camera, shop):
    code = draw_code()
    told = (await camera(picture(code))).json()
    assert (told["code"], told["url"]) == (code, "") and "No card here" in told["says"]
    blank = await camera(drawn.jpeg(drawn.square(drawn.card("qr_code", code).crop((0, 0, 80, 80)))))
    assert (blank.status_code, blank.content) == (204, b"")


async def test_a_printed_coupons_address_leads_to_its_page_and_a_strangers_does_not(camera, shop):
    own = (await camera(picture("https://cards.example.com/k/abcdefghijklm"))).json()
    assert own["url"] == "/k/abcdefghijklm"
    for other in ("https://elsewhere.example/k/abcdefghijklm", "https://cards.example.com/k/../console", "https://cards.example.com/console"):
        assert (await camera(picture(other))).json()["url"] == ""


async def test_only_what_the_business_shows_is_looked_for(camera, here, shop, clock):
    card = await make_card(here, shop)
    assert (await camera(picture(card.code, "aztec"))).status_code == 204
    await shows(here, shop, "aztec")
    clock.advance(minutes=2)
    assert (await camera(picture(card.code, "aztec"))).json()["code"] == card.code
    assert await frames.formats_of(here, shop.business_id, clock.now()) == {"qr_code", "aztec"}
    assert (await camera(picture(card.code, "code_128"))).status_code == 204


async def test_old_plastic_brings_the_codes_of_bars(camera, here, shop, clock):
    card = await make_card(here, shop)
    await write_transaction(here.db, lambda tx: cards.add_alias(tx, card, "ABC-123", clock.now()))
    clock.advance(minutes=2)
    assert (await camera(picture("ABC-123", "code_128"))).json()["url"].startswith("/till/cards/crd_")


@pytest.mark.parametrize(("headers", "status"), [
    ({"Content-Type": "image/png"}, 415), ({"Content-Type": "application/json"}, 415), ({"Content-Type": "multipart/form-data"}, 415),
    ({"X-CSRF-Token": "0" * 32}, 403), ({"X-CSRF-Token": ""}, 403), ({"Origin": "https://elsewhere.example"}, 403)])
async def test_another_kind_and_another_site_are_refused(camera, here, shop, headers, status):
    card = await make_card(here, shop)
    assert (await camera(picture(card.code), **headers)).status_code == status


async def test_too_many_bytes_and_too_many_pixels_are_refused_before_they_are_unpacked(camera, monkeypatch):
    def unpacked(*_: object) -> None:
        raise AssertionError("the picture was unpacked")

    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.load", unpacked)
    assert (await camera(b"\xff\xd8" + b"0" * frames.MOST_BYTES)).status_code == 413
    small = picture(draw_code())
    for width, height in ((1415, 1415), (65_500, 65_500), (65_500, 31), (10_000, 10_000)):
        assert (await camera(sized(small, width, height))).status_code == 413


@pytest.mark.parametrize("body", [b"", b"\xff\xd8\xff", b"GIF89a" + b"0" * 60, b"\x89PNG\r\n\x1a\n" + b"0" * 60,
                                  picture(draw_code())[:900]],
                         ids=["nothing", "a beginning", "a GIF", "a PNG", "torn"])
async def test_what_is_no_whole_jpeg_is_refused(camera, body):
    assert (await camera(body)).status_code == 400


def test_a_torn_picture_is_never_our_mistake():
    whole = picture(draw_code())
    for at in range(0, len(whole), len(whole) // 60):
        for broken in (whole[:at], whole[:at] + b"\xff\x00\xff\xd8" + whole[at + 4:], whole[:at] + b"\0" * 40 + whole[at + 40:]):
            try:
                frame_reader.read_code(broken, EVERY)
            except (Malformed, TooLarge):
                continue


async def test_a_session_that_sends_too_fast_is_slowed_and_no_other(camera, here, shop, clock):
    card = await make_card(here, shop)
    shown = picture(card.code)
    statuses = [(await camera(shown)).status_code for _ in range(frames.AT_ONCE + 1)]
    assert statuses == [200] * frames.AT_ONCE + [429]
    frames._check_pace(here, -1, clock.now())
    clock.advance(seconds=1)
    assert [(await camera(shown)).status_code for _ in range(6)] == [200] * 5 + [429]


async def test_a_picture_is_neither_kept_nor_logged(camera, here, shop, caplog):
    card = await make_card(here, shop)
    before = {row["name"]: await here.db.fetch_val(f"SELECT COUNT(*) FROM {row['name']}") for row in await _tables(here)}
    with caplog.at_level(logging.DEBUG):
        await asyncio.gather(*[camera(picture(card.code)) for _ in range(2)])
    assert {name: await here.db.fetch_val(f"SELECT COUNT(*) FROM {name}") for name in before} == before
    assert card.code not in caplog.text and "JFIF" not in caplog.text


async def _tables(here):
    if here.db.engine == "postgresql":
        return await here.db.fetch_all("SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'")
    return await here.db.fetch_all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")


async def test_pictures_are_for_cashiers_alone(client, here, shop):
    assert (await client.post("/till/frame", content=picture(draw_code()), headers=ORIGIN)).status_code in (303, 401)
    client.headers.update(ORIGIN)
    await client.post("/till/sign-in", data={"email": "agent@coffee.example.com", "password": PASSWORD})
    assert (await client.post("/till/frame", content=b"", headers={"Content-Type": "image/jpeg"})).status_code == 403
