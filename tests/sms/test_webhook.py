"""The operator's own gateway: what it gets, and what each of its answers means."""
import json
import logging

import httpx2
import pytest

from app.sms.webhook import Webhook, read_answer
from app.sms.wire import Reply


@pytest.mark.parametrize(("status", "kind"), [(200, "accepted"), (202, "accepted"), (400, "permanent"), (401, "config"),
                                              (402, "no_funds"), (403, "config"), (422, "permanent"), (429, "throttled"), (500, "unknown"),
                                              (502, "unknown"), (503, "temporary")])
def test_each_status_of_a_webhook_means_one_thing(status, kind):
    assert read_answer(Reply(status, b"<html>")).kind == kind


async def test_a_webhook_gets_the_message_with_credentials_and_the_same_ref_each_try():
    seen = []

    def receiver(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(202, json={"id": "m-1"})

    webhook = Webhook("webhook+https://shop:secret@sms.example.com/send?x=1", httpx2.MockTransport(receiver))
    result = await webhook.send("+79161231234", "Кофе: https://x/a/1", "Кофе", "tessera-7")
    assert (result.kind, result.provider_id) == ("accepted", "m-1")
    assert str(seen[0].url) == "https://sms.example.com/send?x=1"
    assert seen[0].headers["authorization"].startswith("Basic ")
    assert json.loads(seen[0].content) == {"to": "+79161231234", "text": "Кофе: https://x/a/1", "sender": "Кофе", "ref": "tessera-7"}


@pytest.mark.parametrize(("failure", "kind"), [(httpx2.ConnectError, "temporary"), (httpx2.ConnectTimeout, "temporary"),
                                               (httpx2.ReadTimeout, "unknown"), (httpx2.RemoteProtocolError, "unknown")])
async def test_a_failure_after_the_first_byte_may_have_been_a_message(failure, kind):
    def receiver(request: httpx2.Request) -> httpx2.Response:
        raise failure("broken", request=request)

    assert (await Webhook("webhook+https://sms.example.com/", httpx2.MockTransport(receiver)).send("+7", "t", "s", "r")).kind == kind


async def test_a_webhook_never_logs_the_text_the_number_or_its_secret(caplog):
    caplog.set_level(logging.DEBUG)
    transport = httpx2.MockTransport(lambda request: httpx2.Response(500, text="echo: the-text"))
    await Webhook("webhook+https://shop:hush-hush@sms.example.com/", transport).send("+79161231234", "the-text", "s", "r")
    assert all(word not in caplog.text for word in ("the-text", "9161231234", "hush-hush"))
