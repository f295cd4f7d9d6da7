"""The connections to APNs: one for each certificate that may be used now, each opened with the first push that needs it."""
import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from app.certificates.service import Identity
from app.context import Context
from app.push.apns import BACKGROUND, PLAIN, ApnsClient, tls_context

log = logging.getLogger("tessera.push")

Key = tuple[int, bytes]         # a pass type and the certificate: a renewed one is another connection


class Line:
    """A certificate and its client. refused_until: APNs wants no push with it before that moment."""

    def __init__(self, identity: Identity, client: ApnsClient) -> None:
        self.identity, self.client = identity, client
        self.refused_until: datetime | None = None

    def is_usable(self, now: datetime) -> bool:
        return self.identity.not_after > now and (self.refused_until is None or self.refused_until <= now)


class Clients:
    """The lines of one process. open_client: makes the client of a certificate; it connects by itself, later."""

    def __init__(self, open_client: Callable[[Identity], ApnsClient]) -> None:
        self._open_client = open_client
        self._lines: dict[Key, Line | None] = {}
        self._order: Sequence[Key] = ()

    async def follow(self, identities: Sequence[Identity]) -> set[int]:
        """Have a line for each of these and for no other; returns the pass types that gained one."""
        order = [(identity.pass_type_id, identity.chain_pem) for identity in identities]
        gone = [self._lines.pop(key) for key in list(self._lines) if key not in order]
        gained = set()
        for key, identity in zip(order, identities, strict=True):
            if key not in self._lines:
                self._lines[key] = self._opened(identity)
                gained.add(identity.pass_type_id)
        self._order = order
        await asyncio.gather(*(line.client.close() for line in gone if line))
        return gained

    def best(self, pass_type_id: int, now: datetime) -> Line | None:
        """The newest certificate of the pass type that is valid and that APNs does not refuse."""
        lines = (self._lines[key] for key in self._order if key[0] == pass_type_id)
        return next((line for line in lines if line and line.is_usable(now)), None)

    async def close(self) -> None:
        await self.follow(())

    def _opened(self, identity: Identity) -> Line | None:
        try:
            return Line(identity, self._open_client(identity))
        except ValueError as exc:
            log.error("no pushes of %s go out with its newest certificate: %s", identity.pass_type_identifier, exc)
            return None


def client_of(here: Context, identity: Identity) -> ApnsClient:
    """A client as the settings say. Raises ValueError."""
    settings = here.settings
    return ApnsClient(settings.apns, tls_context(identity.chain_pem, identity.key, settings.apns_ca or None),
                      headers=BACKGROUND if settings.apns_push == "background" else PLAIN)
