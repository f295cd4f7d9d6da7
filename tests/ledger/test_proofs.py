"""A receipt proves itself without a database, against the root of its day."""
import hashlib
from datetime import timedelta

import msgspec
import pytest

from app.ledger import day_seals, proofs, sealing
from app.ledger.proofs import Broken
from app.ledger.verify import verify
from app.programs import service as programs
from tests.ledger.conftest import tamper
from tests.ledger.test_service import move
from tests.money import NOON, make_bed

NEXT_DAY = NOON + timedelta(days=1)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 13])
def test_every_leaf_of_a_day_leads_to_its_root_and_no_other(count):
    hashes = [hashlib.sha256(bytes([number])).digest() for number in range(count)]
    top = proofs.root(hashes)
    for index, leaf in enumerate(hashes):
        found = hashlib.sha256(b"\x00" + leaf).digest()
        for side, beside in proofs.path(hashes, index):
            pair = bytes.fromhex(beside) + found if side == "left" else found + bytes.fromhex(beside)
            found = hashlib.sha256(b"\x01" + pair).digest()
        assert found == top
    assert count == 1 or proofs.root([*hashes[1:], hashes[0]]) != top


@pytest.fixture
async def day(db, bed):
    """Two businesses with operations on two local days, sealed."""
    other = await make_bed(db, "leaf")
    for one in (bed, other):
        for number in range(5):
            await move(db, one, 10 + number, receipt=f"A-{number}")
    await sealing.seal_pending(db)
    return db


async def test_a_finished_day_is_sealed_once_and_covers_all_of_its_links(day, bed):
    assert await day_seals.seal_days(day, NOON) == 0
    assert await day_seals.seal_days(day, NEXT_DAY) == 2
    assert await day_seals.seal_days(day, NEXT_DAY) == 0
    [seal] = await day_seals.list_days(day, bed.business_id)
    hashes = [bytes(row["hash"]) for row in await day.fetch_all(
        "SELECT hash FROM chain WHERE business_id = :id ORDER BY seq", {"id": bed.business_id})]
    assert (seal.day, seal.first_seq, seal.last_seq) == ("2026-11-22", 1, 5)
    assert (seal.head, seal.root) == (hashes[-1], proofs.root(hashes))


async def test_days_follow_one_another_without_a_gap(day, bed):
    await day_seals.seal_days(day, NEXT_DAY)
    later = NOON + timedelta(days=3)
    await move(day, bed, 3, now=later)
    await sealing.seal_pending(day)
    assert await day_seals.seal_days(day, later + timedelta(days=1)) == 1
    newest, first = await day_seals.list_days(day, bed.business_id)
    assert (newest.day, newest.first_seq, newest.last_seq, first.last_seq) == ("2026-11-25", 6, 6, 5)


async def test_a_receipt_fits_and_one_changed_value_does_not(day, bed):
    await day_seals.seal_days(day, NEXT_DAY)
    business = await programs.get_business(day, bed.business_id)
    operation_id = await day_seals.operation_of_receipt(day, bed.business_id, bed.account_id, 3)
    proof = await day_seals.proof_of(day, business, operation_id)
    file = msgspec.json.encode(proof)
    proofs.check(proofs.parse(file))
    assert proof.seq == 3 and proof.day.day == "2026-11-22" and '"A-2"' in proof.texts
    for before, after in ((b'"seq":3', b'"seq":4'), (b"A-2", b"A-9"), (b'"last_seq":5', b'"last_seq":2'),
                          (f'"amount_minor":{proof.operation["amount_minor"]}'.encode(), b'"amount_minor":99'),
                          (proof.day.root.encode(), b"0" * 64), (b'"issued"', b'"redeemed"')):
        assert file.count(before)
        with pytest.raises(Broken):
            proofs.check(proofs.parse(file.replace(before, after)))


@pytest.mark.parametrize("statement", [
    "UPDATE day_seals SET root = head WHERE business_id = 1", "UPDATE day_seals SET head = root WHERE business_id = 1",
    "UPDATE day_seals SET last_seq = 4 WHERE business_id = 1", "UPDATE day_seals SET first_seq = 2 WHERE business_id = 1",
    "UPDATE chain SET seq = -seq WHERE business_id = 1 AND seq = 3"])
async def test_a_seal_that_was_changed_or_lost_its_links_is_found(day, statement):
    await day_seals.seal_days(day, NEXT_DAY)
    assert await verify(day, NEXT_DAY) == []
    await tamper(day, statement)
    assert "day" in {finding.kind for finding in await verify(day, NEXT_DAY)}


async def test_a_receipt_of_today_fits_its_hash_and_names_no_day_yet(day, bed):
    business = await programs.get_business(day, bed.business_id)
    operation_id = await day_seals.operation_of_receipt(day, bed.business_id, bed.account_id, 1)
    proof = await day_seals.proof_of(day, business, operation_id)
    assert proof.day is None
    proofs.check(proof)


async def test_texts_that_were_erased_leave_the_receipt_whole(day, bed):
    business = await programs.get_business(day, bed.business_id)
    operation_id = await day_seals.operation_of_receipt(day, bed.business_id, bed.account_id, 2)
    await day.execute("UPDATE operation_texts SET salt = NULL, content = NULL WHERE operation_id = :id", {"id": operation_id})
    proof = await day_seals.proof_of(day, business, operation_id)
    assert proof.texts is None
    proofs.check(proof)


async def test_numbers_that_no_receipt_has_lead_nowhere(day, bed):
    assert [await day_seals.operation_of_receipt(day, bed.business_id, bed.account_id, number) for number in (0, -1, 6)] == [None] * 3


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"format": "tessera-receipt-1"}'])
def test_other_files_are_no_receipts(text):
    with pytest.raises(Broken):
        proofs.parse(text)
