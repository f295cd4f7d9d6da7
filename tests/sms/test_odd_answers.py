"""Whatever a gateway's answer holds, it is an answer and no error of ours."""
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clock import EPOCH, FixedClock
from app.demo.fakes.sms_gateways import APIS
from app.settings import load
from app.sms.gateways import Followed, open_gateways
from app.sms.webhook import Webhook
from app.sms.wire import Wire

NAMES = st.sampled_from((
    "sid", "status", "code", "price", "price_unit", "num_segments", "error_code", "messages", "message-id", "id", "cnt", "message-price",
    "cost", "sms", "status_code", "sms_id", "79161231234", "success", "data", "result", "balance", "value", "currency"))
WORDS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5),
    st.sampled_from(("0", "1", "100", "-1", "1e999999999", "NaN", "delivered", "", "0A", "RUB", "no credits")))
JSON = st.recursive(WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=12)


@pytest.mark.goal("F5")
@pytest.mark.parametrize("kind", list(APIS))
@settings(max_examples=40)
@given(told=st.dictionaries(NAMES, JSON, max_size=8), status=st.sampled_from((200, 201, 400, 401, 429, 500)))
async def test_no_answer_that_json_can_hold_is_an_error_of_ours(kind: str, told: dict[str, Any], status: int) -> None:
    transport = httpx2.MockTransport(lambda _request: httpx2.Response(status, json=told))
    address = APIS[kind](None).address("http://127.0.0.1:9")
    known = load({"TESSERA_URL": "https://cards.example.com", "TESSERA_SMS": address})
    gateway: Any = open_gateways(known, None, FixedClock(EPOCH)).by_name(kind)     # type: ignore[arg-type]
    gateway = Webhook(address, transport) if kind == "webhook" else replace(gateway, wire=Wire(transport))
    assert isinstance((await gateway.send("+79161231234", "text", "", "tessera-7")).kind, str)
    if isinstance(gateway, Followed):
        await gateway.status("1", "+79161231234")
        await gateway.balance()
