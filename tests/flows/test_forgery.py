"""Goal A5: no write that a cookie authenticates happens without the hidden token, or for another site. Generated from app/access.csv."""
import pytest

from tests import engines
from tests.flows.world import HOST, Rows, World, rows

WRITES = [row for row in rows("staff") if row.method in ("POST", "PUT", "DELETE")]


@pytest.fixture
def database_url(tmp_path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.fixture
async def world(here, client, shop) -> World:
    made = World(here, client)
    await made.add("a", shop, ("+79161231111", "+79161232222"))
    return made


@pytest.mark.goal("A5")
async def test_every_write_of_a_session_is_refused_without_its_token_and_for_another_site(world, database_url) -> None:
    callers = {kind: await world.session("a", "owner", kind) for kind in ("till", "console")}
    everything, let_through = Rows(database_url), {}
    for row in WRITES:
        caller = callers[row.words[0]]
        token = world.forgery_token(caller)
        # Pages under `no-referrer` make browsers send null for our own forms: there the token and Sec-Fetch-Site judge.
        foreign = ["https://evil.example", *([] if row.path.startswith("/k/") else ["null"])]
        for given, origin in ((None, HOST), ("0" * 32, HOST), *((token, each) for each in foreign)):
            answer = await world.client.request(row.method, world.address(row), data={"csrf": given} if given else {}, headers={
                **caller.headers, "Origin": origin})
            if answer.status_code != 403 or everything.changed():
                let_through[f"{row.method} {row.path}", given, origin] = answer.status_code, everything.changed()
                everything.keep()
    everything.close()
    assert let_through == {}


def test_there_are_writes_of_both_doors_to_judge() -> None:
    assert {row.words[0] for row in WRITES} == {"till", "console"} and len(WRITES) > 100
