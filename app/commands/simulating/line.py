"""The line from a till to the server: answers as they come, patience where the server asks for it, and calls that get lost."""
import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx2

PATIENCE = 6            # tries of one call that is put off or finds nobody
MOST_WAIT_SECONDS = 10.0
TIMEOUT = httpx2.Timeout(30.0, connect=10.0)


class Answer(NamedTuple):
    status: int
    data: Any
    headers: httpx2.Headers

    @property
    def code(self) -> str:
        """Of a problem; "" of anything else."""
        return str(self.data.get("code", "")) if self.status >= 400 and isinstance(self.data, dict) else ""

    @property
    def is_replay(self) -> bool:
        return self.headers.get("idempotent-replay") == "true"


class Away(Exception):
    """The server did not answer at all, however often it was asked."""


@dataclass
class Measured:
    """milliseconds of each call that was answered; put_off: answers 429 and 503; strange: statuses of 500 and above but 503."""

    took: list[float] = field(default_factory=list)
    put_off: int = 0
    strange: Counter[int] = field(default_factory=Counter)


class Line:
    """One server, one key."""

    def __init__(self, url: str, key: str, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.measured = Measured()
        self._key = key
        self._client = httpx2.AsyncClient(base_url=url + "/api/v1", transport=transport, timeout=TIMEOUT, follow_redirects=False,
                                          headers={"User-Agent": "tessera-till-simulator"})

    async def close(self) -> None:
        await self._client.aclose()

    async def get(self, path: str, **query: str) -> Answer:
        return await self.ask("GET", path, query=query)

    async def post(self, path: str, body: dict[str, Any], key: str | None = None) -> Answer:
        return await self.ask("POST", path, body=body, key=key)

    async def ask(self, method: str, path: str, *, body: dict[str, Any] | None = None, key: str | None = None,
                  query: dict[str, str] | None = None, bearer: str | None = None) -> Answer:
        """The answer, after as many tries as the server asks for; a call that changes something is repeated with its key alone.

        Raises Away where nobody answers.
        """
        headers = {"Authorization": f"Bearer {self._key if bearer is None else bearer}"} | ({"Idempotency-Key": key} if key else {})
        answer, why = None, ""
        for _ in range(PATIENCE):
            began = time.perf_counter()
            try:
                found = await self._client.request(method, path, json=body, params=query, headers=headers)
            except (httpx2.TransportError, OSError) as exc:
                why = f"{method} {path}: {type(exc).__name__} {exc}".strip()
                if method != "GET" and key is None:
                    raise Away(why) from exc
                await asyncio.sleep(0.5)
                continue
            self.measured.took.append((time.perf_counter() - began) * 1000)
            answer = Answer(found.status_code, _data(found), found.headers)
            if answer.status not in (429, 503):
                break
            self.measured.put_off += 1
            wait = found.headers.get("retry-after", "1")
            await asyncio.sleep(min(MOST_WAIT_SECONDS, float(wait) if wait.isdigit() else 1.0))
        if answer is None:
            raise Away(why)
        if answer.status >= 500 and answer.status != 503:
            self.measured.strange[answer.status] += 1
        return answer

    async def lose(self, path: str, body: dict[str, Any], key: str, seconds: float) -> None:
        """Sends a call and hangs up after so long, whatever became of it."""
        headers = {"Authorization": f"Bearer {self._key}", "Idempotency-Key": key}
        try:
            async with asyncio.timeout(seconds):
                await self._client.post(path, json=body, headers=headers)
        except (TimeoutError, httpx2.TransportError, OSError):
            return


def _data(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return {}
