"""Goal A7 for what the kinds brought: who reads logs, the audit log, events or an error page learns no code that gives anything."""
import json
import logging
import re
from pathlib import Path

import httpx2
import pytest

from app.context import Context
from app.sales import occasions
from tests import engines
from tests.conftest import Shop
from tests.flows.test_kinds import Journey
from tests.flows.test_secrets_stay_secret import hits, lines_of

# Where a code has its home: the business looks it up there, and shows it to whom it belongs.
HOMES = {("promo_codes", "code"), ("vouchers", "code")}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return engines.sqlite_url(tmp_path, migrated=True)


@pytest.mark.goal("A7")
async def test_no_code_that_gives_something_is_left_in_logs_audit_events_or_error_pages(
        here: Context, client: httpx2.AsyncClient, shop: Shop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.DEBUG)
    shopper = Journey(here, client, shop)
    await shopper.begin("coupon")
    await occasions.give_activations(here.db, here.clock.now())
    [welcome] = (await shopper.seen())["vouchers"]
    secrets = {"voucher": welcome["code"], "promo code": "SPRING26WIDE", "page token": shopper.page.removeprefix("/c/")}
    for form in ({"name": "Spring", "kind": "code", "codes": secrets["promo code"], "uses": "", "reward": "coupon"},
                 {"name": "Leaflet", "kind": "coupon", "count": "2", "length": "10"}):
        assert (await shopper.press(f"/console/promos?program={shopper.program}", {"per_person": "1", **form})).status_code == 303
    sheet = await shopper.look(f"/console/promos/leaflet/codes.csv?program={shopper.program}")
    for number, (letters, token) in enumerate(re.findall(r'"([\w-]{10,14})","0","[^"]*/k/(\w{29})"', sheet)):
        secrets |= {f"letters {number}": letters.replace("-", ""), f"coupon {number}": token}
    assert "coupon 1" in secrets
    await shopper.sell(10_000, rewards=[welcome["code"]])
    sold = await shopper.say("earn", amount="100", promo=secrets["promo code"])
    await shopper.refused("/sales", "promo_used_by_you", card=shopper.card, amount=10_000, promo_code=secrets["promo code"])
    await shopper.refund(sold)
    path = f"/k/{secrets['coupon 0']}"
    assert (await shopper.press(f"{path}/redeem", {})).status_code == 303
    answers = [await client.get(path + "x"), await client.put(path), await client.get(f"{path}/none"),
               await client.get(f"{shopper.page}/receipts/99"), await client.get(f"{shopper.page}/receipts/1/proof")]

    def breaks(*_args: object, **_parts: object) -> None:
        raise RuntimeError("a bug")
    with monkeypatch.context() as patched:
        patched.setattr("app.benefits.coupons.redeem", breaks)
        answers.append(await shopper.press(f"/k/{secrets['coupon 1']}/redeem", {}))
    assert [answer.status_code for answer in answers] == [404, 405, 404, 404, 404, 500]
    assert [(answer.url.path, hits(secrets, answer.text)) for answer in answers if hits(secrets, answer.text)] == []

    lines = [line for line in lines_of(caplog) if json.loads(line)["log"].split(".")[0] not in ("httpx2", "httpcore2")]
    assert sum(json.loads(line)["log"] == "tessera.access" for line in lines) > 15
    assert [(hit, line) for line in lines for hit in hits(secrets, line)] == []
    assert await places(here, secrets) == HOMES


async def places(here: Context, secrets: dict[str, str]) -> set[tuple[str, str]]:
    """(table, column) of each secret in the database."""
    found = set()
    for row in await here.db.fetch_all("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for kept in await here.db.fetch_all(f"SELECT * FROM {row['name']}"):
            found |= {(row["name"], column) for column, value in dict(kept).items()
                      if isinstance(value, str) and any(secret.casefold() in value.casefold() for secret in secrets.values())}
    return found
