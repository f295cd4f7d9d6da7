import pytest

from app.audit import service
from app.db import write_transaction
from tests.money import NOON, make_bed


async def test_an_act_is_recorded_with_who_did_it_and_read_newest_first(db):
    bed, other = await make_bed(db), await make_bed(db, "leaf")
    for number in (1, 2, 3):
        await write_transaction(db, lambda tx, n=number: service.record(tx, bed.manager, "card.block", "card", n, {"n": n}, now=NOON))
    await write_transaction(db, lambda tx: service.record(tx, other.manager, "card.block", now=NOON))
    entries = await service.list_entries(db, bed.business_id, limit=2)
    assert {entry.action for entry in entries} == {"card.block"}
    assert [(entry.subject_id, entry.details) for entry in entries] == [(3, {"n": 3}), (2, {"n": 2})]
    assert [entry.subject_id for entry in await service.list_entries(db, bed.business_id, before=entries[-1].id)] == [1]
    assert (entries[0].actor_kind, entries[0].actor_id) == ("staff", bed.manager.id)


async def test_only_one_kind_of_act_can_be_asked_for(db):
    bed = await make_bed(db)
    for action in ("card.block", "key.create"):
        await write_transaction(db, lambda tx, action=action: service.record(tx, bed.manager, action, now=NOON))
    assert [entry.action for entry in await service.list_entries(db, bed.business_id, action="key.create")] == ["key.create"]


@pytest.mark.parametrize("statement", ["UPDATE audit_entries SET action = 'x'", "DELETE FROM audit_entries"])
async def test_the_record_cannot_be_changed_or_deleted(db, statement):
    bed = await make_bed(db)
    await write_transaction(db, lambda tx: service.record(tx, bed.manager, "card.block", now=NOON))
    with pytest.raises(Exception, match="append-only"):
        await db.execute(statement)
    assert len(await service.list_entries(db, bed.business_id)) == 1
