"""The public API as the connector asks it: any server, one API key, nothing of this program's inside."""
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx2

TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
RETRY_MOST = 300.0
NOT_NOW = frozenset({"too_many_requests", "idempotency_key_in_use"})


class Away(Exception):
    """Nobody answers, or not now; nothing is known of what was asked. seconds: how long the server wants to be left alone."""

    def __init__(self, why: str, seconds: float = 0.0) -> None:
        super().__init__(why)
        self.seconds = min(seconds, RETRY_MOST)


class KeyRefused(Away):
    """The key is not valid: it ended, or was revoked."""


class Refusal(Exception):
    """The server says no, and would say it again. code and detail: its own."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


class Reply(NamedTuple):
    data: dict[str, Any]
    is_replay: bool


class Server:
    """url: with https://, without a slash at its end; read_key: asked at every call, so that a new key needs no restart."""

    def __init__(self, url: str, read_key: Callable[[], str], language: str, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._read_key = read_key
        self._client = httpx2.AsyncClient(base_url=url, transport=transport, timeout=TIMEOUT, follow_redirects=False,
                                          headers={"Accept-Language": language, "User-Agent": "tessera-drop-folder"})

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        return (await self._ask("GET", path, params=query)).data

    async def post(self, path: str, body: dict[str, Any], key: str | None = None) -> Reply:
        return await self._ask("POST", path, json=body, headers={"Idempotency-Key": key} if key else {})

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self, method: str, path: str, **given: Any) -> Reply:
        """Raises Refusal for what stays refused, Away (and KeyRefused) for what may be different later."""
        headers = {"Authorization": f"Bearer {self._read_key()}", **given.pop("headers", {})}
        try:
            answer = await self._client.request(method, "/api/v1" + path, headers=headers, **given)
        except (httpx2.TransportError, OSError) as exc:
            raise Away(type(exc).__name__) from exc
        if 200 <= answer.status_code < 300:
            return Reply(_object(answer), answer.headers.get("idempotent-replay") == "true")
        told = _object(answer)
        code = str(told.get("code") or "")
        if answer.status_code == 401:
            raise KeyRefused(code or str(answer.status_code))
        # A problem of ours has a code; an answer without one is a proxy's, or of another server altogether. A limit of messages is the
        # row's own trouble: the next row may be one that sends none.
        if not code or code in NOT_NOW or answer.status_code >= 500:
            after = answer.headers.get("retry-after", "")
            raise Away(code or str(answer.status_code), float(after) if after.isdigit() else 0.0)
        details = [str(each.get("detail", "")) for each in told.get("errors") or ()]
        raise Refusal(code, " ".join([str(told.get("detail") or ""), *details]).strip())


def _object(answer: httpx2.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
