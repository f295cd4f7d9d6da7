"""A business's pictures are kept once, belong to it alone, and are served to everybody at addresses that never change."""
import hashlib

import pytest

from app.errors import Invalid, NotFound, Refused
from app.images import decoding, rules, service
from app.web.principal import Principal
from tests.images import made
from tests.money import make_bed

LOGO = made.saved(made.logo())


@pytest.fixture
async def who(db, clock):
    business = await make_bed(db)
    return Principal(business.business_id, business.business_id, "staff", id=1, name="Olga", role="manager")


async def counted(db):
    return [await db.fetch_val(f"SELECT COUNT(*) FROM {name}") for name in ("images", "image_files", "audit_entries")]


async def test_a_picture_is_kept_once_in_every_size_and_noted(db, who, clock):
    digest = await service.keep(db, who, "logo", LOGO, clock.now())
    assert await service.keep(db, who, "logo", LOGO, clock.now()) == digest
    assert await counted(db) == [1, len(rules.NAMES["logo"]), 1]
    [kept] = await service.list_(db, who.business_id, "logo")
    assert (kept.digest, kept.width, kept.height, kept.created_by) == (digest, 900, 300, "Olga")
    assert await service.find(db, who.business_id, "logo", digest) == kept
    files = await service.files(db, who.business_id, digest)
    assert set(files) == set(rules.NAMES["logo"]) and files["logo.png"].startswith(b"\x89PNG")


async def test_addresses_name_files_by_their_content(db, who, clock):
    kept = await service.kept(db, who.business_id, await service.keep(db, who, "logo", LOGO, clock.now()))
    for name, address in kept.addresses.items():
        assert address == f"/images/{hashlib.sha256(kept.files[name]).hexdigest()}/{name}"
        assert await service.content_of(db, address.split("/")[2], name) == kept.files[name]


async def test_another_business_has_none_of_it(db, who, clock):
    digest = await service.keep(db, who, "logo", LOGO, clock.now())
    other = (await make_bed(db, "other")).business_id
    with pytest.raises(NotFound):
        await service.files(db, other, digest)
    assert await service.find(db, other, "logo", digest) is None and await service.list_(db, other, "logo") == []
    assert await service.find(db, who.business_id, "icon", digest) is None


async def test_a_refused_picture_leaves_nothing_behind(db, who, clock):
    for data in (made.gif_of(3), made.DRAWINGS["script"].encode(), LOGO[:500]):
        with pytest.raises(Invalid):
            await service.keep(db, who, "logo", data, clock.now())
    assert await counted(db) == [0, 0, 0]


async def test_a_business_keeps_only_so_many_pictures(db, who, clock, monkeypatch):
    monkeypatch.setattr(service, "MOST_PICTURES", 1)
    digest = await service.keep(db, who, "logo", LOGO, clock.now())
    with pytest.raises(Refused, match="300 pictures"):
        await service.keep(db, who, "icon", LOGO, clock.now())
    assert await service.keep(db, who, "logo", LOGO, clock.now()) == digest
    assert (await counted(db))[0] == 1


async def test_one_picture_of_two_kinds_has_the_files_of_both(db, who, clock, monkeypatch):
    async def decoded(kind, data, ground):
        return decoding.Decoded("a" * 64, {name: name.encode() for name in rules.NAMES[kind]})

    monkeypatch.setattr(decoding, "decode", decoded)
    for kind in ("logo", "strip"):
        await service.keep(db, who, kind, made.saved(made.calm()), clock.now())
    assert set(await service.files(db, who.business_id, "a" * 64)) == {*rules.NAMES["logo"], *rules.NAMES["strip"]}
