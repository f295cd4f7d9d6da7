"""API keys that end, change their secret, and ask too often."""
from datetime import timedelta

import pytest

from app.clock import to_ms
from app.db import Database
from app.errors import Invalid, NotFound
from app.sandbox import service as sandbox
from app.staff import key_rules, keys
from app.staff.key_rules import Allowance
from app.web.principal import system
from tests.money import NOON, make_bed

SCOPES = frozenset({"sales:write"})


async def test_a_key_ends_at_its_end_even_where_it_is_kept_in_memory(db: Database, ring) -> None:
    bed = await make_bed(db)
    end = NOON + timedelta(seconds=1)
    key_id, plain = await keys.create_key(db, ring, bed.manager, "till", SCOPES, None, NOON, expires_at=end)
    assert await keys.principal_of_key(db, ring, plain, end - timedelta(milliseconds=1)) is not None
    assert await keys.principal_of_key(db, ring, plain, end) is None
    [listed] = await keys.list_keys(db, bed.business_id)
    assert listed.id == key_id and listed.ends_soon(NOON) and not listed.is_live(end)
    with pytest.raises(Invalid):
        await keys.create_key(db, ring, bed.manager, "till", SCOPES, None, NOON, expires_at=NOON)


async def test_a_rotated_key_is_known_by_both_secrets_until_the_grace_is_over(db: Database, ring) -> None:
    bed = await make_bed(db)
    key_id, old = await keys.create_key(db, ring, bed.manager, "till", SCOPES, None, NOON)
    new = await keys.rotate_key(db, ring, bed.manager, key_id, 2, NOON)
    assert new != old
    for plain in (old, new):
        kept = await keys.known_key(db, ring, plain, NOON)
        assert kept is not None and kept.principal.id == key_id
        assert kept.ends_at == (to_ms(NOON + timedelta(hours=2)) if plain == old else None)
    later = NOON + timedelta(hours=2)
    assert await keys.principal_of_key(db, ring, old, later) is None
    assert await keys.principal_of_key(db, ring, new, later) is not None
    with pytest.raises(Invalid):
        await keys.rotate_key(db, ring, bed.manager, key_id, 721, NOON)
    with pytest.raises(NotFound):
        await keys.rotate_key(db, ring, system(bed.business_id + 1), key_id, 1, NOON)


async def test_a_rotation_without_grace_ends_the_old_secret_at_once_and_a_revocation_ends_both(db: Database, ring) -> None:
    bed = await make_bed(db)
    key_id, first = await keys.create_key(db, ring, bed.manager, "till", SCOPES, None, NOON)
    second = await keys.rotate_key(db, ring, bed.manager, key_id, 0, NOON)
    assert await keys.principal_of_key(db, ring, first, NOON) is None
    third = await keys.rotate_key(db, ring, bed.manager, key_id, 5, NOON)
    await keys.revoke_key(db, bed.manager, key_id, NOON)
    for plain in (first, second, third):
        assert await keys.principal_of_key(db, ring, plain, NOON) is None
    with pytest.raises(NotFound):
        await keys.rotate_key(db, ring, bed.manager, key_id, 0, NOON)


async def test_a_changed_key_is_what_it_was_changed_to_with_its_next_call(db: Database, ring) -> None:
    bed = await make_bed(db)
    key_id, plain = await keys.create_key(db, ring, bed.manager, "till", SCOPES, None, NOON)
    assert await keys.principal_of_key(db, ring, plain, NOON) is not None
    await keys.change_key(db, bed.manager, key_id, name="shop", scopes=frozenset({"cards:read"}), location_id=bed.location_id,
                          expires_at=None, per_second=None, channel="web", now=NOON)
    who = await keys.principal_of_key(db, ring, plain, NOON)
    assert who is not None
    assert (who.name, who.scopes, who.location_id, who.channel) == ("shop", {"cards:read"}, bed.location_id, "web")


async def test_a_sandbox_key_belongs_to_the_sandbox_and_is_listed_with_the_others(db: Database, ring) -> None:
    bed = await make_bed(db)
    twin = await sandbox.twin_of(db, ring, bed.manager, NOON)
    key_id, plain = await keys.create_key(db, ring, bed.manager, "trial", SCOPES, None, NOON, sandbox_id=twin)
    assert plain.startswith("tsk_test_")
    who = await keys.principal_of_key(db, ring, plain, NOON)
    assert who is not None and (who.business_id, who.sandbox) == (twin, True)
    assert [(each.id, each.is_sandbox) for each in await keys.list_keys(db, bed.business_id)] == [(key_id, True)]
    again = await sandbox.reset(db, bed.manager, NOON)
    who = await keys.principal_of_key(db, ring, plain, NOON)
    assert who is not None and who.business_id == again, "it goes with the sandbox that took the old one's place"
    await db.execute("UPDATE businesses SET closed_at = 1 WHERE id = :id", {"id": bed.business_id})
    keys.forget_kept(db)
    assert await keys.principal_of_key(db, ring, plain, NOON) is None, "a closed business's sandbox is closed too"


def test_a_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    bucket = key_rules.full(10, 0)
    assert [bucket.take(0) for _ in range(21)] == [True] * 20 + [False]
    assert (bucket.retry_after, bucket.reset) == (1, 2)
    assert [bucket.take(100), bucket.take(100)] == [True, False], "a tenth of a second is one call"
    assert not bucket.take(50), "a clock that goes back gives nothing"
    assert [bucket.take(10_000) for _ in range(21)] == [True] * 20 + [False], "it holds a burst and no more"


@pytest.mark.parametrize(("own", "most", "server", "rate"), [
    (None, None, 50, 50), (None, None, 0, 0), (5, None, 50, 5), (0, None, 50, 0), (0, 20, 50, 20), (100, 20, 50, 20), (None, 20, 0, 20)])
def test_a_keys_rate_is_its_own_else_the_servers_and_never_above_the_business(own, most, server, rate) -> None:
    assert key_rules.rate_of(own, most, server) == rate


async def test_two_secrets_share_one_allowance_and_reading_a_key_again_does_not_fill_it(db: Database, ring) -> None:
    bed = await make_bed(db)
    key_id, old = await keys.create_key(db, ring, bed.manager, "till", SCOPES, None, NOON, per_second=1)
    new = await keys.rotate_key(db, ring, bed.manager, key_id, 1, NOON)
    taken = []
    for plain in (old, new, old):
        keys.forget_kept(db)
        kept = await keys.known_key(db, ring, plain, NOON, 50)
        assert kept is not None and isinstance(kept.allowance, Allowance)
        taken.append(kept.allowance.take(to_ms(NOON)))
    assert taken == [True, True, False]
