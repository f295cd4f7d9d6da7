"""Goal A5: no write that a cookie authenticates happens without the hidden token, or for another site. Generated from app/access.csv."""
import pytest

from tests import engines
from tests.flows.everybody import operator
from tests.flows.world import HOST, Rows, World, rows

WRITES = [row for row in rows("staff", "operator") if row.method in ("POST", "PUT", "DELETE")]


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
    callers = {kind: await world.session("a", "owner", kind) for kind in ("till", "console")} | {"operator": await operator(world)}
    others = {kind: await world.session("a", "owner", kind) for kind in ("till", "console")} | {"operator": callers["console"]}
    everything, let_through, tried = Rows(database_url), {}, 0
    for row in WRITES:
        kind = row.words[0] if row.kind == "staff" else "operator"
        caller, token = callers[kind], world.forgery_token(callers[kind])
        for name, (given, headers) in cases(token, world.forgery_token(others[kind])).items():
            # Pages under `no-referrer` make browsers send null for our own forms: there the token and Sec-Fetch-Site judge.
            if name == "origin null" and row.path.startswith("/k/"):
                continue
            answer = await world.client.request(row.method, world.address(row), data={"csrf": given} if given else {},
                                                headers={**caller.headers, **headers})
            tried += 1
            if answer.status_code != 403 or everything.changed():
                let_through[f"{row.method} {row.path}", name] = answer.status_code, everything.changed()
                everything.keep()
    everything.close()
    assert let_through == {} and tried > 1200


def cases(good: str, others: str) -> dict[str, tuple[str, dict[str, str]]]:
    """What is wrong → the token and the headers."""
    return {"no token": ("", {"Origin": HOST}), "a wrong token": ("0" * 32, {"Origin": HOST}),
            "another session's token": (others, {"Origin": HOST}), "a token in other letters": (good.upper() + "é", {}),
            "a foreign origin": (good, {"Origin": "https://evil.example"}), "origin null": (good, {"Origin": "null"}),
            "our name in another": (good, {"Origin": f"{HOST}.evil.example"}),
            "a plain origin": (good, {"Origin": HOST.replace("https", "http")}),
            "a foreign site without origin": (good, {"Sec-Fetch-Site": "cross-site"}),
            "a sister site": (good, {"Sec-Fetch-Site": "same-site"})}


def test_there_are_writes_of_both_doors_to_judge() -> None:
    assert {row.words[0] for row in WRITES if row.words} == {"till", "console"} and len(WRITES) > 100
