"""Goal F15: what was signed once is served for as long as nothing new can be signed, byte for byte."""
import json
import zipfile
from email.utils import format_datetime
from io import BytesIO

import pytest

from app.cards import service as cards
from app.certificates import service as certificates
from app.db import write_transaction
from app.errors import Unavailable
from app.passes import keeping, service
from app.passes.check import check_pkpass

pytestmark = pytest.mark.goal("F15")


async def fetched(pocket):
    """A pass that somebody fetched."""
    built = await pocket.build()
    await service.keep(pocket.here, [built.kept])
    return built


def expire(pocket):
    pocket.here.clock.advance(days=400)


async def kept(pocket, built):
    """The archive that would be served of it, None for none."""
    served = await keeping.find(pocket.here, built.kept.pass_id, pocket.card.id)
    return served and served.data


async def rows(pocket, table):
    return await pocket.here.db.fetch_val(f"SELECT COUNT(*) FROM {table}")


async def test_after_the_certificates_end_the_version_that_was_fetched_last_is_served_byte_for_byte(pocket):
    await fetched(pocket)
    await pocket.welcome()
    last = await fetched(pocket)
    signed_at = pocket.now
    expire(pocket)
    await cards.block(pocket.here.db, pocket.who, pocket.card.id, None, pocket.now)
    served = await service.hand_out(pocket.here, pocket.card, pocket.now)
    assert (served.data, served.modified_at, served.version, served.kept) == (last.data, last.modified_at, 2, None)
    assert check_pkpass(served.data, root_pem=pocket.root, now=signed_at).field("points")["value"] == 50


async def test_a_server_whose_certificate_was_taken_away_serves_what_it_kept_too(pocket):
    import dataclasses
    last = await fetched(pocket)
    pocket.here.settings = dataclasses.replace(pocket.here.settings, apple_certificate=b"")
    assert (await service.build(pocket.here, pocket.card.id, pocket.now)).data == last.data
    assert await kept(pocket, last) == last.data


async def test_a_version_that_was_never_fetched_is_not_kept_and_the_refusal_says_why(pocket):
    await pocket.build()
    expire(pocket)
    with pytest.raises(certificates.CertificateExpired, match="pass certificate has expired"):
        await service.build(pocket.here, pocket.card.id, pocket.now)


async def test_no_new_pass_is_made_while_none_can_be_signed(pocket):
    expire(pocket)
    with pytest.raises(Unavailable, match="The operator must replace it"):
        await service.hand_out(pocket.here, pocket.card, pocket.now)
    assert await rows(pocket, "passes") == 0


async def test_whoever_has_the_kept_or_a_newer_version_is_told_that_nothing_changed(pocket):
    kept = await fetched(pocket)
    await pocket.welcome()
    newer = await pocket.build()
    expire(pocket)
    for each in (kept, newer):
        date = format_datetime(each.modified_at, usegmt=True)
        assert (await service.build(pocket.here, pocket.card.id, pocket.now, unless=date)).data is None
    assert (await service.build(pocket.here, pocket.card.id, pocket.now, unless="garbage")).data == kept.data


async def test_with_a_new_certificate_the_newest_state_is_signed_again(pocket, tmp_path):
    import dataclasses

    from app.demo.certificates import make_demo_certificates
    from tests.passes.conftest import PASS_TYPE, TEAM
    last = await fetched(pocket)
    expire(pocket)
    renewed = make_demo_certificates(tmp_path, pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=pocket.now)
    pocket.here.settings = dataclasses.replace(
        pocket.here.settings, apple_certificate=renewed.certificate.read_bytes(), apple_key=renewed.key.read_bytes(),
        apple_wwdr=renewed.wwdr.read_bytes())
    pocket.root = renewed.root.read_bytes()
    contents = await pocket.contents()
    assert contents.serial_number == json.loads(zipfile.ZipFile(BytesIO(last.data)).read("pass.json"))["serialNumber"]


async def test_nothing_of_a_person_lies_open_in_the_rows(pocket):
    built = await fetched(pocket)
    row = await pocket.here.db.fetch_one("SELECT * FROM signed_passes")
    sealed = bytes(row["pass_json_sealed"])
    token = json.loads(zipfile.ZipFile(BytesIO(built.data)).read("pass.json"))["authenticationToken"]
    assert token.encode() not in sealed
    assert len(sealed) + len(bytes(row["manifest"])) + len(bytes(row["signature"])) <= keeping.MOST_BYTES
    with pytest.raises(ValueError, match="sealed for another purpose"):
        pocket.here.ring.open(keeping.PURPOSE, sealed, str(row["pass_id"] + 1).encode())


async def test_the_same_version_is_written_once_and_its_files_once_a_business(pocket):
    first = await fetched(pocket)
    pocket.here.clock.advance(hours=2)
    again = await fetched(pocket)
    assert first.data != again.data                     # signed at another moment
    assert await kept(pocket, first) == first.data
    assert await rows(pocket, "pass_files") == len(zipfile.ZipFile(BytesIO(first.data)).namelist()) - 3


async def test_a_pass_over_the_limit_is_not_kept_and_that_is_counted(pocket, monkeypatch):
    monkeypatch.setattr(keeping, "MOST_BYTES", 1024)
    built = await fetched(pocket)
    assert await kept(pocket, built) is None
    assert (keeping.counts(pocket.here).kept, keeping.counts(pocket.here).too_large) == (0, 1)


async def test_of_one_pass_twice_in_a_batch_the_later_version_is_kept(pocket):
    first = await pocket.build()
    await pocket.welcome()
    second = await pocket.build()
    await service.keep(pocket.here, [first.kept, second.kept])
    await service.keep(pocket.here, [first.kept])       # late, from another process
    assert await kept(pocket, first) == second.data


async def test_an_erased_cards_pass_is_not_served_and_then_forgotten(pocket):
    await fetched(pocket)
    expire(pocket)
    await write_transaction(pocket.here.db, lambda tx: cards.end(tx, pocket.card, "erased", pocket.now))
    with pytest.raises(certificates.CertificateExpired):
        await service.build(pocket.here, pocket.card.id, pocket.now)
    await keeping.prune(pocket.here)
    assert await rows(pocket, "signed_passes") == 0


async def test_files_that_no_kept_pass_names_are_pruned_after_two_days_and_others_stay(pocket):
    from msgspec.structs import replace

    from app.designs.rules import default_content
    first = await fetched(pocket)
    content = replace(default_content("Another name", "Другое имя"), language="ru")
    await service.publish_design(pocket.here.db, pocket.who, pocket.program.id, content, pocket.now)
    before = await rows(pocket, "pass_files")
    second = await fetched(pocket)
    assert await keeping.prune(pocket.here) == 0
    pocket.here.clock.advance(days=3)
    assert await keeping.prune(pocket.here) > 0
    assert await rows(pocket, "pass_files") == before   # as many as before, and another design's
    assert await kept(pocket, first) == second.data


async def test_a_design_that_comes_back_keeps_its_files_from_being_pruned(pocket):
    first = await fetched(pocket)
    await write_transaction(pocket.here.db, lambda tx: tx.execute("UPDATE pass_files SET created_at = 0"))
    pocket.here.clock.advance(hours=2)
    await fetched(pocket)
    assert await pocket.here.db.fetch_val("SELECT COUNT(*) FROM pass_files WHERE created_at = 0") == 0
    assert await kept(pocket, first) == first.data


async def test_a_kept_pass_that_lost_a_file_is_not_served_broken(pocket):
    built = await fetched(pocket)
    await write_transaction(pocket.here.db, lambda tx: tx.execute("DELETE FROM pass_files WHERE sha1 = (SELECT MIN(sha1) FROM pass_files)"))
    assert await kept(pocket, built) is None


async def test_a_version_that_is_fetched_again_costs_no_row_within_the_hour(pocket):
    built = await fetched(pocket)
    await write_transaction(pocket.here.db, lambda tx: tx.execute("DELETE FROM signed_passes"))
    await keeping.keep(pocket.here, [built.kept])
    assert await pocket.here.db.fetch_val("SELECT COUNT(*) FROM signed_passes") == 0
    await cards.block(pocket.here.db, pocket.who, pocket.card.id, None, pocket.now)
    await fetched(pocket)
    assert await pocket.here.db.fetch_val("SELECT COUNT(*) FROM signed_passes") == 1
