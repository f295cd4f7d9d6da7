"""Who carries a message: one interface, several gateways tried in order."""
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from app.clock import Clock
from app.context import Context
from app.db import Database
from app.settings import Settings

# Besides the kinds of rules.ACCEPTED …: the gateway has had this very text a moment ago. After an unknown end that means: it is on its way.
DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Result:
    """A gateway's answer: kind is one of rules.ACCEPTED … or DUPLICATE; raw_code: its own word for it.

    cost_minor: in minor units of `currency`, where it told one. about_sender: what it will not have is the sender's name.
    wants_none: the person told the gateway to stop.
    """

    kind: str
    provider_id: str | None = None
    segments: int | None = None
    cost_minor: int | None = None
    raw_code: str = ""
    currency: str = ""
    about_sender: bool = False
    wants_none: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a message. state: of rules; code: the gateway's own word; cost_minor: in minor units of `currency`, where it is told.

    ref: the `client_ref` of the send, where the report is signed and repeats it.
    """

    provider_id: str
    state: str
    code: str = ""
    cost_minor: int | None = None
    currency: str = ""
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account has left, rounded down, in minor units."""

    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request of a gateway at our door. url: the public address with its query, as the gateway called it; headers: lower-case names.

    fields: what the query, a form or a JSON object held, in order; where: the query's alone, which a gateway got from us.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    fields: Sequence[tuple[str, str]]
    where: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Said:
    """A message from a person to a gateway's number."""

    from_e164: str
    text: str


class Forged(Exception):
    """A report without the signature that this gateway's reports have; the text says what is wrong, for the log alone."""


@runtime_checkable
class Gateway(Protocol):
    """A carrier. `send` never raises for what the outside does, and never logs the text, the link or credentials."""

    @property
    def name(self) -> str:
        """Its word in TESSERA_SMS; twilio-2 for a second one."""

    async def send(self, to_e164: str, text: str, sender: str, client_ref: str) -> Result:
        """Hand over one message; sender: a name registered for the business, or ""; client_ref is the same for every try of it."""


@runtime_checkable
class Followed(Gateway, Protocol):
    """A carrier that can be asked: silence for a day means that nobody knows."""

    async def status(self, provider_id: str, to_e164: str) -> Report | None:
        """What became of a message; None where it says nothing (or cannot be reached)."""

    async def balance(self) -> Balance | None:
        """What is left; None where it says nothing."""


@runtime_checkable
class Reporting(Gateway, Protocol):
    """A gateway that tells by itself what became of a message."""

    @property
    def reply(self) -> tuple[str, str]:
        """(body, media type) of our answer to a report."""

    def reporting_to(self, address: str) -> Gateway:
        """The same gateway, whose messages name `address` for their reports; itself where that is set elsewhere."""

    def reports_in(self, incoming: Incoming) -> Sequence[Report]:
        """What a report says. Raises Forged, ValueError for what cannot be read."""

    def pokes_in(self, incoming: Incoming) -> Sequence[str]:
        """Ids of messages that are to be asked after at once: news from somebody whose word counts for no more."""


@runtime_checkable
class Listening(Gateway, Protocol):
    """A gateway whose numbers people can write to."""

    def said_in(self, incoming: Incoming) -> Said | None:
        """What a person wrote. Raises Forged, ValueError for what cannot be read."""


class Gateways:
    """The gateways of this process, in the order in which they are asked.

    address: makes a public address of a path, for reports; None: nobody is told where to report.
    """

    def __init__(self, gateways: Sequence[Gateway], clock: Clock, address: Callable[[str], str] | None = None) -> None:
        self._gateways = {gateway.name: gateway for gateway in gateways}
        self.clock, self.address = clock, address

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._gateways)

    def by_name(self, name: str) -> Gateway | None:
        return self._gateways.get(name)

    def awake(self, resting: Mapping[str, datetime | None]) -> list[Gateway]:
        """Those that do not rest now, in order."""
        now = self.clock.now()
        return [gateway for name, gateway in self._gateways.items() if (resting.get(name) or now) <= now]


def open_gateways(settings: Settings, db: Database, clock: Clock) -> Gateways:
    """The gateways that TESSERA_SMS names (settings checked the addresses)."""
    kinds: dict[str, int] = {}
    made: list[Gateway] = []
    for address in settings.sms:
        kind = address.partition(":")[0].partition("+")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
        made.append(_opened(kind if kinds[kind] == 1 else f"{kind}-{kinds[kind]}", kind, address, settings, db, clock))
    return Gateways(made, clock, settings.address)


def _opened(name: str, kind: str, address: str, settings: Settings, db: Database, clock: Clock) -> Gateway:
    # Imported here: only what is configured is loaded.
    if kind == "console":
        from app.sms.console import Console

        return Console(db, clock, shows_links=settings.demo)
    if kind == "webhook":
        from app.sms.webhook import Webhook

        return Webhook(address, name=name, clock=clock)
    from importlib import import_module

    return import_module(f"app.sms.{kind}").open_gateway(name, address)


def gateways_of(here: Context) -> Gateways:
    """The gateways of this program, opened with the first use."""
    if "gateways" not in here.extras:
        here.extras["gateways"] = open_gateways(here.settings, here.db, here.clock)
    return here.extras["gateways"]
