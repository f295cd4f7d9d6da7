"""Event streams: pages that learn of a change the moment it is numbered.

One poller a process reads numbered updates and wakes the streams of the cards that changed: never a query a page. A stream
sends a comment every 20 s, ends after 10 minutes and at shutdown, and a page that is refused one falls back to its button.
"""
import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable

import msgspec
from starlette.responses import StreamingResponse

from app import errors
from app.text import N_

HEARTBEAT_SECONDS = 20.0
LIFE_SECONDS = 600.0
MOST_PER_CARD = 4
MOST_PER_PROCESS = 2000


class TooManyStreams(errors.TooMany):
    code = "too_many_streams"
    detail = N_("This card is open in too many places at once. Close one, or use the button to refresh.")


class Broker:
    """Wakes whoever waits for a topic, such as `card:17` or `business:3`."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Queue[int | None]]] = defaultdict(set)
        self._open = 0
        self.closed = False

    @property
    def open_streams(self) -> int:
        return self._open

    def publish(self, topics: Iterable[str], number: int) -> None:
        """Tells the streams of each topic that update `number` exists. Called on the loop, after the commit."""
        for topic in topics:
            for queue in self._waiting.get(topic, ()):
                if queue.empty():           # one wake-up is enough: the reader asks for the newest state
                    queue.put_nowait(number)

    def close(self) -> None:
        """Ends every stream; at shutdown."""
        self.closed = True
        for queues in self._waiting.values():
            for queue in queues:
                queue.put_nowait(None)

    def check_room(self, topic: str, most: int = MOST_PER_CARD) -> None:
        """Raises TooManyStreams where `stream` would: asked before an answer begins, because no status can be sent after that."""
        if len(self._waiting.get(topic, ())) >= most or self._open >= MOST_PER_PROCESS:
            raise TooManyStreams(retry_after=60)

    async def stream(self, topic: str, most: int = MOST_PER_CARD) -> AsyncIterator[int | None]:
        """Yields update numbers as they come, None as a heartbeat; ends by itself after LIFE_SECONDS or at shutdown.

        Raises TooManyStreams before the first value when `topic` has `most` readers already.
        """
        self.check_room(topic, most)
        queue: asyncio.Queue[int | None] = asyncio.Queue()
        self._waiting[topic].add(queue)
        self._open += 1
        try:
            end = asyncio.get_running_loop().time() + LIFE_SECONDS
            while not self.closed and (left := end - asyncio.get_running_loop().time()) > 0:
                try:
                    number = await asyncio.wait_for(queue.get(), min(HEARTBEAT_SECONDS, left))
                except TimeoutError:
                    yield None
                    continue
                if number is None:
                    return
                yield number
        finally:
            self._open -= 1
            self._waiting[topic].discard(queue)
            if not self._waiting[topic]:
                del self._waiting[topic]


def event(name: str, data: object, number: int | None = None) -> bytes:
    """One server-sent event with JSON data; `number` becomes its id."""
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {name}\ndata: {msgspec.json.encode(data).decode()}\n\n".encode()


COMMENT = b": still here\n\n"


def stream_response(body: AsyncIterator[bytes]) -> StreamingResponse:
    """`text/event-stream`, unbuffered by proxies, never stored."""
    return StreamingResponse(body, media_type="text/event-stream",
                             headers={"Cache-Control": "private, no-store", "X-Accel-Buffering": "no"})
