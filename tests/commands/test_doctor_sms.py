"""`doctor` about SMS gateways: each thing that can be wrong is made wrong, and its sentence read; no secret is in any."""
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from app import settings, start
from app.clock import to_ms
from app.commands import doctor
from app.context import Context
from app.db import write_transaction
from app.demo.fakes.sms_gateways import PASSWORD, SIGNING, FakeSms
from app.sms import balances, gateways_store
from app.sms.gateways import gateways_of
from tests.commands.conftest import Run
from tests.money import make_bed


@pytest.fixture
def migrated(run: Run) -> None:
    assert run("migrate") == 0


@pytest.fixture
async def fake(request: pytest.FixtureRequest, migrated: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSms]:
    made = FakeSms(request.param)
    await made.start()
    monkeypatch.setenv("TESSERA_SMS", made.address)
    yield made
    await made.stop()


async def told() -> str:
    said = "\n".join(str(line) for line in await doctor.examine() if "SMS" in str(line) or "eports" in str(line))
    assert PASSWORD not in said and SIGNING not in said
    return said


async def with_server(act) -> None:                 # type: ignore[no-untyped-def]
    async with start.opened(settings.load()) as here:
        await act(here)


@pytest.mark.parametrize("fake", ["twilio", "vonage", "smsc", "smsru", "smsaero"], indirect=True)
async def test_a_gateway_that_knows_us_is_well_and_nothing_is_sent(fake: FakeSms) -> None:
    said = await told()
    assert f"ok    SMS gateway {fake.kind} knows us." in said and "fail" not in said
    assert fake.tried == 0


@pytest.mark.parametrize("fake", ["smsru"], indirect=True)
async def test_wrong_credentials_an_empty_account_and_a_silent_gateway_are_told_apart(fake: FakeSms,
                                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    fake.balance = "0"
    assert "has no money left" in await told()
    monkeypatch.setenv("TESSERA_SMS", fake.address.replace(PASSWORD, "another"))
    assert "fail  SMS gateway smsru does not tell its balance." in await told()


@pytest.mark.parametrize("fake", ["smsc"], indirect=True)
async def test_what_went_wrong_at_the_last_message_is_told(fake: FakeSms) -> None:
    # Read here: a long run began longer ago than a gateway rests.
    now = datetime.now(UTC)

    async def act(here: Context) -> None:
        await balances.ask_due(here)

        async def breaks(tx) -> None:               # type: ignore[no-untyped-def]
            await gateways_store.note_failure(tx, "smsc", "no_funds 3", to_ms(now))
            await gateways_store.rest(tx, "smsc", to_ms(now + timedelta(minutes=10)), to_ms(now), ask_balance=True)
            await gateways_store.set_low(tx, "smsc", to_ms(now))

        await write_transaction(here.db, breaks)

    await with_server(act)
    said = await told()
    assert "fail  SMS gateway smsc is not asked before" in said and "no_funds 3" in said
    assert "less money left than three days cost" in said


@pytest.mark.parametrize("fake", ["vonage"], indirect=True)
async def test_reports_that_nobody_signs_or_that_cannot_arrive_are_told(fake: FakeSms, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not signed" not in await told()
    monkeypatch.setenv("TESSERA_SMS", fake.address.replace(f"&signature={SIGNING}&method=sha256", ""))
    monkeypatch.setenv("TESSERA_URL", f"https://{'a' * 60}.example.com")
    said = await told()
    assert "are not signed" in said and "too long for reports of vonage" in said


@pytest.mark.parametrize("fake", ["smsc"], indirect=True)
async def test_the_addresses_for_cabinets_are_printed_for_whoever_asks_for_them(fake: FakeSms, capsys: pytest.CaptureFixture[str]) -> None:
    async def act(here: Context) -> None:
        await make_bed(here.db)
        assert gateways_of(here).names == ("smsc",)
        await balances.ask_due(here)

    await with_server(act)
    assert "--sms-addresses" in await told()
    [line] = await doctor.sms_addresses()
    assert line.startswith("Coffee corner: smsc reports https://cards.example.com/sms/smsc/") and line.endswith("/report")
    assert line.split("/")[-2] not in "\n".join(map(str, await doctor.examine()))
