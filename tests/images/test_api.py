"""Anybody may fetch a picture, keeps it for ever, and can do nothing else with its address."""
import pytest

from app.images import service
from tests.images import made


@pytest.fixture
async def kept(here, shop):
    digest = await service.keep(here.db, shop.who, "logo", made.saved(made.logo()), here.clock.now())
    return await service.kept(here.db, shop.business_id, digest)


@pytest.mark.parametrize(("name", "type_"), [("google-logo.png", "image/png"), ("logo@2x.png", "image/png"), ("logo.webp", "image/webp")])
async def test_a_picture_is_served_to_strangers_and_kept_for_ever(client, kept, name, type_):
    answer = await client.get(kept.addresses[name])
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, kept.files[name], type_)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable" and "set-cookie" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.goal("B7")
async def test_a_picture_opened_by_itself_may_do_nothing(client, kept):
    answer = await client.get(kept.addresses["logo.png"])
    assert answer.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"


async def test_only_files_that_exist_are_found(client, kept):
    digest = kept.addresses["logo.png"].split("/")[2]
    for address in (f"/images/{digest}/logo@2x.png", f"/images/{digest}/pass.json", f"/images/{'0' * 64}/logo.png",
                    f"/images/{digest[:9]}/logo.png", f"/images/{digest.upper()}/logo.png",
                    f"/images/{digest}/..%2flogo.png", f"/images/{digest}/", f"/images/{digest}"):
        answer = await client.get(address)
        assert answer.status_code == 404 and "immutable" not in answer.headers.get("cache-control", ""), address
