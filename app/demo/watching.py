"""How the demo's pages learn that a simulated phone changed."""
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response

from app.web import events
from app.web.events import Broker, TooManyStreams
from app.web.requests import context

STREAMS_MOST = 20


def changes(request: Request, topic: str) -> Response:
    """An event now and with every change of `topic`: what happened between the page and its stream is asked for once."""
    broker: Broker = context(request).extras["broker"]

    async def body() -> AsyncIterator[bytes]:
        yield events.event("changed", {})
        try:
            async for number in broker.stream(topic, STREAMS_MOST):
                yield events.COMMENT if number is None else events.event("changed", {})
        except TooManyStreams:
            return  # the browser asks again by itself

    return events.stream_response(body())
