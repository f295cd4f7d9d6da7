"""Access tokens of a service account: a signed assertion for a token (RFC 7523), kept until shortly before it ends."""
import asyncio
from datetime import datetime, timedelta
from typing import Any

from app.clock import Clock
from app.google.accounts import TOKENS, Issuer
from app.google.client import Answer, Wire

SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFE = timedelta(hours=1)
# Refreshed so long before its end: a request that waits for its turn still goes out with a token that holds.
EARLY = timedelta(minutes=4)
# A clock that differs by less is not what the refusal was about.
SKEW = timedelta(seconds=30)


class Tokens:
    """The tokens of one issuer in this process."""

    def __init__(self, issuer: Issuer, wire: Wire, clock: Clock) -> None:
        self._issuer, self._wire, self._clock = issuer, wire, clock
        self._held: tuple[str, datetime] | None = None
        self._lock = asyncio.Lock()
        self.offset = timedelta()           # how far Google's clock is ahead of ours, once that mattered

    def now(self) -> datetime:
        """The moment by Google's clock."""
        return self._clock.now() + self.offset

    async def get(self) -> str | Answer:
        """A token that holds for a few minutes more, or what the token endpoint answered instead."""
        async with self._lock:
            if self._held is not None and self._clock.now() < self._held[1]:
                return self._held[0]
            answer = await self._ask()
            if answer.status == 400 and answer.date is not None and abs(skew := answer.date - self.now()) > SKEW:
                # Our clock is off: the assertion was from the future or the past for the server. Its own clock makes it fit.
                self.offset += skew
                answer = await self._ask()
            token, seconds = answer.body.get("access_token"), answer.body.get("expires_in")
            if answer.status != 200 or not isinstance(token, str):
                return answer if answer.status != 200 else Answer(0, "NoToken")
            life = timedelta(seconds=seconds) if isinstance(seconds, int) and 0 < seconds <= 86_400 else LIFE
            self._held = (token, self._clock.now() + max(life - EARLY, life / 2))
            return token

    def forget(self, token: str) -> None:
        """`token` was refused; the next one is fetched."""
        if self._held is not None and self._held[0] == token:
            self._held = None

    async def _ask(self) -> Answer:
        account, now = self._issuer.account, self.now()
        claims = {"iss": account.client_email, "scope": SCOPE, "aud": TOKENS, "iat": _seconds(now), "exp": _seconds(now + LIFE)}
        assertion = sign(self._issuer, claims)
        return await self._wire.post_form(self._issuer.token_url, {"grant_type": GRANT, "assertion": assertion})


def sign(issuer: Issuer, claims: dict[str, Any]) -> str:
    """A JWT under the account's key, RS256, compact."""
    import jwt  # loaded where it is used: a server without Google does not pay for it

    account = issuer.account
    return jwt.encode(claims, account.key, algorithm="RS256", headers={"kid": account.key_id} if account.key_id else None)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


