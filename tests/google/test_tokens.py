"""Access tokens: fetched once, renewed in time, also by a clock that is off; and what answers mean."""
import asyncio
from datetime import timedelta

import jwt
import pytest

from app.clock import FixedClock
from app.context import Context
from app.demo.fakes.google import Answer as Told
from app.google import service
from app.google.client import Answer, read_answer
from app.google.connections import Line
from app.google.tokens import Tokens
from app.google.verdicts import FIRST, LONGEST, Pace, Verdict, backoff, judge
from tests.google.conftest import Wallet
from tests.shops import make_card, make_shop


def tokens_of(here: Context, wallet: Wallet) -> Tokens:
    issuer = service.server_issuer(here)
    assert issuer is not None
    return wallet.google.line(issuer).tokens


async def test_one_token_serves_all_calls_until_shortly_before_its_end(here: Context, wallet: Wallet):
    tokens = tokens_of(here, wallet)
    first = await asyncio.gather(*(tokens.get() for _ in range(10)))
    assert len(set(first)) == 1 and wallet.fake.token_requests == 1
    here.clock.advance(minutes=55)
    assert await tokens.get() == first[0] and wallet.fake.token_requests == 1
    here.clock.advance(minutes=2)
    assert await tokens.get() != first[0] and wallet.fake.token_requests == 2


@pytest.mark.parametrize("hours", [-7, -0.5, 0.5, 30])
async def test_a_clock_that_is_off_is_put_right_by_googles_own(here: Context, wallet: Wallet, hours: float):
    ours = FixedClock(here.clock.now() + timedelta(hours=hours))
    tokens = Tokens(service.server_issuer(here), wallet.google.wire, ours)  # type: ignore[arg-type]
    assert isinstance(await tokens.get(), str)
    if abs(hours) >= 1:
        # Half an hour behind is within an assertion's life, half an hour ahead is not.
        assert wallet.fake.token_requests == 2 and abs(tokens.now() - here.clock.now()) <= timedelta(seconds=1)


async def test_a_link_is_dated_by_googles_clock(here: Context, wallet: Wallet):
    shop = await make_shop(here)
    card = await make_card(here, shop)
    here.clock.advance(hours=-5)
    wallet.fake.clock = wallet.fake.accounts.clock = wallet.fake.shelf.clock = FixedClock(here.clock.now() + timedelta(hours=5))
    link = await service.save_link(here, card, here.clock.now())
    claims = jwt.decode(link.rpartition("/")[2], options={"verify_signature": False})
    assert claims["iat"] == int(wallet.fake.clock.now().timestamp())


async def test_a_token_that_google_took_back_is_fetched_anew_once(here: Context, wallet: Wallet):
    issuer = service.server_issuer(here)
    assert issuer is not None
    line = wallet.google.line(issuer)
    await line.call("GET", "/loyaltyClass?issuerId=3388000000022222228")
    wallet.fake.accounts.end_tokens()
    outcome = await line.call("GET", "/loyaltyClass?issuerId=3388000000022222228")
    assert outcome.verdict is Verdict.MISSING or outcome.verdict is Verdict.DONE
    assert wallet.fake.token_requests == 2
    wallet.fake.faults.always = Told(401, "authError")
    assert (await line.call("GET", "/loyaltyClass/x")).verdict is Verdict.CONFIGURATION
    assert wallet.fake.token_requests == 3


@pytest.mark.parametrize(("status", "verdict"), [(503, Verdict.UNAVAILABLE), (429, Verdict.UNAVAILABLE), (400, Verdict.CONFIGURATION),
                                                 (401, Verdict.CONFIGURATION), (403, Verdict.CONFIGURATION)])
async def test_what_the_token_endpoint_refuses_concerns_the_account_and_not_the_card(here: Context, wallet: Wallet, status, verdict):
    wallet.fake.faults.token = status
    outcome = await Line(wallet.google, service.server_issuer(here)).call("GET", "/loyaltyClass/x")  # type: ignore[arg-type]
    assert outcome.verdict is verdict and wallet.calls() == []


@pytest.mark.parametrize(("status", "reason", "verdict"), [
    (200, "", Verdict.DONE), (400, "invalid", Verdict.REFUSED), (401, "", Verdict.UNAUTHORISED),
    (403, "permissionDenied", Verdict.CONFIGURATION), (403, "insufficientPermissions", Verdict.CONFIGURATION),
    (403, "quotaExceeded", Verdict.QUOTA), (403, "", Verdict.CONFIGURATION), (404, "whatever", Verdict.MISSING), (409, "", Verdict.EXISTS),
    (408, "", Verdict.UNAVAILABLE), (429, "", Verdict.UNAVAILABLE), (500, "", Verdict.UNAVAILABLE), (503, "", Verdict.UNAVAILABLE),
    (0, "ReadTimeout", Verdict.UNAVAILABLE), (302, "", Verdict.CONFIGURATION), (413, "", Verdict.REFUSED)])
def test_every_status_has_its_meaning(status, reason, verdict):
    assert judge(status, reason) is verdict


def test_waits_double_from_a_second_and_stay_below_five_minutes():
    waits = [backoff(tries, 0.0) for tries in range(1, 40)]
    assert waits[0] == FIRST and waits[1] == FIRST * 2 and waits[-1] == LONGEST < timedelta(minutes=5)
    assert backoff(20, 1.0) == LONGEST / 2 and backoff(1, 1.0) == FIRST


def test_ten_requests_a_second_at_even_distances_whoever_asks():
    pace, times, now = Pace(), [], 100.0
    for _ in range(25):
        times.append(now + pace.wait(now))
    assert max(len([at for at in times if start <= at < start + 1 - 1e-9]) for start in times) <= 10
    assert pace.wait(now + 60) == 0.0


@pytest.mark.parametrize(("content", "reason", "message"), [
    (b'{"error":{"code":403,"message":"m","errors":[{"reason":"quotaExceeded"}]}}', "quotaExceeded", "m"),
    (b'{"error":"invalid_grant","error_description":"Invalid JWT"}', "invalid_grant", "Invalid JWT"),
    (b"<html>captive portal</html>", "", ""), (b"[1]", "", ""), (b"", "", ""), (b'{"error":{"errors":["x"]}}', "", ""),
    (b'{"error":{"message":' + b'"' + b"m" * 5000 + b'"}}', "", "m" * 300)])
def test_answers_of_every_shape_are_read(content: bytes, reason: str, message: str):
    answer = read_answer(403, content, "Sun, 22 Nov 2026 09:00:00 GMT")
    assert (answer.reason, answer.message) == (reason, message) and answer.date is not None
    assert read_answer(200, b"{}", "yesterday") == Answer(200)
