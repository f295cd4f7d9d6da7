"""A design with the business's own pictures: passes and pages show them, the rest is drawn, and nobody uses another's."""
import io

import pytest
from msgspec.structs import replace
from PIL import Image

from app.db import write_transaction
from app.designs import pictures, strip
from app.designs import service as designs
from app.designs.prepared import prepare
from app.designs.preview import preview
from app.designs.rules import CardFace, Pictures, default_content
from app.errors import Invalid
from app.images import rules as image_rules
from app.images import service as images
from app.programs import service as programs
from app.web.principal import Principal
from tests.images import made
from tests.money import make_bed

CONTENT = default_content("Coffee corner", "Кофейный угол")
SENTENCES = {"en": ["5 points for every 100 ₽."], "ru": ["5 баллов за каждые 100 ₽."]}
FACE = CardFace("4720000000000001", 320, 32_000, "RUB")


@pytest.fixture
async def who(sqlite_db):
    business = (await make_bed(sqlite_db)).business_id
    return Principal(business, business, "staff", id=1, name="Olga", role="manager")


async def keep(db, who, kind, picture, clock):
    return await images.keep(db, who, kind, made.saved(picture), clock.now())


def colours_of(data):
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB").getcolors(1 << 20)


async def test_own_pictures_stand_in_the_pass_and_the_others_are_drawn(sqlite_db, who, clock):
    digests = Pictures(strip=await keep(sqlite_db, who, "strip", made.calm(), clock))
    own = await pictures.read(sqlite_db, who.business_id, digests)
    design = prepare(replace(CONTENT, pictures=digests), SENTENCES, pictures=own)
    drawn = prepare(CONTENT, SENTENCES)
    assert set(design.images) == set(drawn.images) == pictures.APPLE_FILES
    for name, content in design.images.items():
        assert content == (own.files[name] if name.startswith("strip") else drawn.images[name])


async def test_with_all_three_nothing_is_drawn(sqlite_db, who, clock, monkeypatch):
    digests = Pictures(**{kind: await keep(sqlite_db, who, kind, made.calm(), clock) for kind in image_rules.KINDS})
    own = await pictures.read(sqlite_db, who.business_id, digests)
    monkeypatch.setattr(strip, "draw", lambda colours: pytest.fail("drawn"))
    assert set(prepare(replace(CONTENT, background="#102030", pictures=digests), SENTENCES, pictures=own).images) == pictures.APPLE_FILES


async def test_an_icon_is_made_of_the_logo_on_the_cards_colour(sqlite_db, who, clock):
    digests = Pictures(logo=await keep(sqlite_db, who, "logo", made.logo(), clock))
    own = await pictures.read(sqlite_db, who.business_id, digests)
    icons = pictures.apple_files(own, replace(CONTENT, background="#204060").colours())
    assert [Image.open(io.BytesIO(icons[f"icon{suffix}.png"])).width for suffix in image_rules.SUFFIXES] == [29, 58, 87]
    assert max(colours_of(icons["icon@3x.png"]))[1] == (0x20, 0x40, 0x60)
    paper = Image.new("RGB", (600, 300), "#ffee00")
    paper.paste("black", (200, 100, 400, 200))
    digests = Pictures(logo=await keep(sqlite_db, who, "logo", paper, clock))
    icons = pictures.apple_files(await pictures.read(sqlite_db, who.business_id, digests), CONTENT.colours())
    assert max(colours_of(icons["icon@3x.png"]))[1] == (0xFF, 0xEE, 0)


async def test_pages_show_own_pictures_by_their_addresses(sqlite_db, who, clock):
    digests = Pictures(**{kind: await keep(sqlite_db, who, kind, made.calm(), clock) for kind in ("logo", "strip")})
    own = await pictures.read(sqlite_db, who.business_id, digests)
    view = preview(prepare(replace(CONTENT, pictures=digests), SENTENCES, pictures=own), FACE, "en")
    assert view.logo == f'<img src="{own.addresses["logo.webp"]}" alt="">'
    assert view.strip == f'<img src="{own.addresses["strip.webp"]}" alt="">'
    stamped = prepare(replace(CONTENT, pictures=digests), SENTENCES, "stamps", values=["stamps"], pictures=own)
    assert preview(stamped, replace(FACE, stamps=2, stamps_size=6), "en").strip.startswith("<svg")
    drawn = preview(prepare(CONTENT, SENTENCES), FACE, "en")
    assert drawn.logo.startswith("<svg") and drawn.strip.startswith("<svg")


async def test_a_version_with_anothers_picture_is_refused_and_nothing_is_written(sqlite_db, who, clock):
    other = (await make_bed(sqlite_db, "other")).business_id
    theirs = await keep(sqlite_db, Principal(other, other, "staff", id=1, name="Petr", role="owner"), "logo", made.calm(), clock)
    [program] = await programs.list_programs(sqlite_db, who.business_id)
    before = await designs.list_versions(sqlite_db, who.business_id, program.id)
    for digests, field in ((Pictures(logo=theirs), "pictures.logo"), (Pictures(icon="no digest"), "pictures.icon")):
        with pytest.raises(Invalid) as refused:
            await write_transaction(sqlite_db, lambda tx, digests=digests: designs.publish(
                tx, who, program.id, replace(CONTENT, pictures=digests), clock.now()))
        assert [wrong.field for wrong in refused.value.fields] == [field]
    assert await designs.list_versions(sqlite_db, who.business_id, program.id) == before


async def test_two_designs_that_differ_in_a_picture_alone_are_two(sqlite_db, who, clock):
    [program] = await programs.list_programs(sqlite_db, who.business_id)
    shown = []
    for picture in (made.calm(), made.logo()):
        content = replace(CONTENT, pictures=Pictures(strip=await keep(sqlite_db, who, "strip", picture.resize((600, 300)), clock)))
        key, again = [
            designs.key_of(program, designs.Drawing(content, "points", await pictures.read(sqlite_db, who.business_id, content.pictures)))
            for _ in range(2)]
        shown.append((await designs.ready(key)).images["strip.png"])
        assert await designs.ready(again) is await designs.ready(key)
    assert shown[0] != shown[1]


async def test_what_can_hardly_be_seen_is_measured():
    white = made.saved(Image.new("RGBA", (160, 50), "#ffffff"))
    assert pictures.contrast_of(white, "#ffffff") == 1 and pictures.contrast_of(white, "#000000") > 20
    assert pictures.contrast_of(made.saved(Image.new("RGBA", (160, 50), (0, 0, 0, 0))), "#ffffff") == 1
    halves = Image.new("RGB", (375, 144), "black")
    halves.paste("white", (200, 0, 375, 144))
    assert pictures.contrast_over(made.saved(halves), "#ffffff", "#000000") > 20        # words stand at the left
    assert pictures.contrast_over(made.saved(halves.rotate(180)), "#ffffff", "#000000") < 1.1
    assert pictures.contrast_over(made.saved(Image.new("RGBA", (375, 144), (0, 0, 0, 0))), "#ffffff", "#0f4546") > 8
