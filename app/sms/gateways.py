"""Who carries a message: one interface, several gateways tried in order."""
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.clock import Clock
from app.db import Database
from app.settings import Settings
from app.sms import rules

log = logging.getLogger("tessera.sms")


@dataclass(frozen=True, slots=True)
class Result:
    """A gateway's answer: kind is one of rules.ACCEPTED …; cost in minor units where it told one; raw_code: its own word for it."""

    kind: str
    provider_id: str | None = None
    segments: int | None = None
    cost_minor: int | None = None
    raw_code: str = ""


class Gateway(Protocol):
    """A carrier. `send` never raises for what the outside does, and never logs the text, the link or credentials."""

    name: str

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        """Hand over one message; client_ref is the same for every try of it."""


class Gateways:
    """The gateways of this process, in order. One whose credentials or balance fail rests while the others go on."""

    def __init__(self, gateways: Sequence[Gateway], clock: Clock) -> None:
        self._gateways = tuple(gateways)
        self._clock = clock
        self._resting: dict[str, datetime] = {}

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> tuple[str | None, Result, list[str]]:
        """(who answered, the answer, gateways that were stopped by it). The next is asked only where one surely did not send."""
        answered, result, stopped = None, Result(rules.CONFIG, raw_code="no_gateway"), []
        for gateway in self._gateways:
            if self._resting.get(gateway.name, self._clock.now()) > self._clock.now():
                continue
            answered, result = gateway.name, await gateway.send(to_e164, text, sender, client_ref)
            if result.kind in (rules.CONFIG, rules.NO_FUNDS):
                self._resting[gateway.name] = self._clock.now() + rules.GATEWAY_AGAIN
                stopped.append(gateway.name)
                log.error("gateway %s stopped for 10 minutes: %s %s", gateway.name, result.kind, result.raw_code)
            elif result.kind not in (rules.TEMPORARY, rules.THROTTLED):
                break
        return answered, result, stopped


def open_gateways(settings: Settings, db: Database, clock: Clock) -> Gateways:
    """The gateways that TESSERA_SMS names (settings checked the names)."""
    # Imported here: only what is configured is loaded.
    made: list[Gateway] = []
    for address in settings.sms:
        if address == "console:":
            from app.sms.console import Console

            made.append(Console(db, clock, shows_links=settings.demo))
        else:
            from app.sms.webhook import Webhook

            made.append(Webhook(address))
    return Gateways(made, clock)
