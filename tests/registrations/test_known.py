"""A device that was let in once is let in from memory, and nobody else by it."""
import pytest

from app.registrations import known, store
from tests.registrations.conftest import auth

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def looks(monkeypatch):
    """How often the table was asked for a pass."""
    count, true = [], store.find_pass

    async def counted(*given):
        count.append(1)
        return await true(*given)

    monkeypatch.setattr(store, "find_pass", counted)
    return count


async def test_a_pass_that_is_fetched_again_is_looked_for_and_opened_once(phone, looks):
    assert [(await phone.get()).status_code for _ in range(3)] == [200] * 3
    assert len(looks) == 1


async def test_who_was_let_in_opens_no_door_for_another_token_serial_or_pass_type(phone, other_phone):
    assert (await phone.get()).status_code == (await other_phone.get()).status_code == 200
    for path, token in ((phone.pass_url, other_phone.token), (other_phone.pass_url, phone.token), (phone.pass_url, phone.token[:-1]),
                        (phone.pass_url.replace("/passes/pass.", "/passes/pass.x."), phone.token), (phone.pass_url, "")):
        answer = await phone.http.get(path, headers=auth(token))
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "ApplePass"


async def test_a_wrong_token_is_never_remembered(phone, looks):
    for _ in range(2):
        assert (await phone.http.get(phone.pass_url, headers=auth("wrong"))).status_code == 401
    assert len(looks) == 2 and not phone.here.extras.get(known.EXTRA)


async def test_what_is_remembered_names_no_token_and_does_not_grow_without_end(phone, other_phone, monkeypatch):
    monkeypatch.setattr(known, "MOST", 1)
    for each in (phone, other_phone):
        await each.get()
    kept = phone.here.extras[known.EXTRA]
    assert [entry.card_id for entry in kept.values()] == [other_phone.card_id]
    assert other_phone.token not in repr(kept)
