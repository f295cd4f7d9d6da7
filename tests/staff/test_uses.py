"""The last use of keys and sessions is noted without making anybody wait for the writer."""
import pytest

from app.clock import to_ms
from app.errors import Unavailable
from app.staff import service as staff
from app.staff import uses


async def key_used_at(here):
    return await here.db.fetch_val("SELECT used_at FROM api_keys ORDER BY id LIMIT 1")


async def test_uses_are_written_in_batches_and_the_newest_one_counts(here, shop):
    assert await staff.principal_of_key(here.db, here.ring, shop.api_key, here.clock.now()) is not None
    here.clock.advance(minutes=5)
    assert await staff.principal_of_key(here.db, here.ring, shop.api_key, here.clock.now()) is not None
    assert await key_used_at(here) is None
    assert await uses.write(here.db) == 1
    assert await key_used_at(here) == to_ms(here.clock.now())
    assert await uses.write(here.db) == 0


async def test_a_key_works_and_reads_where_nothing_can_be_written(here, shop, client, monkeypatch):
    async def refuse(*_):
        raise Unavailable(code="cannot_write")

    monkeypatch.setattr(uses, "write_transaction", refuse)
    monkeypatch.setattr("app.till.service.write_transaction", refuse)
    headers = {"Authorization": f"Bearer {shop.api_key}"}
    for _ in range(2):
        here.clock.advance(minutes=5)
        assert (await client.get("/api/v1/me", headers=headers)).status_code == 200
    with pytest.raises(Unavailable):
        await uses.write(here.db)
    body = {"program": here.ids.encode("program", shop.program_id), "customer": {}, "consent": {"terms": True}}
    answer = await client.post("/api/v1/cards", headers=headers, json=body)
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "cannot_write", "1")
    monkeypatch.undo()
    assert await uses.write(here.db) == 1
