"""The simulated phone: it does what a real one does with a pass, and says so step by step.

Behaviour from Apple, "Adding a Web Service to Update Passes", and from what iOS is reported to do (update tags per service,
list right after registration, its own complaints to the log endpoint). It believes nothing: every file is verified.
"""
import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from app.clock import Clock, SystemClock
from app.demo.phone_memory import Held, Memory, load
from app.demo.phone_wire import Wire, WireError
from app.passes.check import PLACES, BadPass, PassContents, check_pkpass
from app.text import N_

STEPS_KEPT = 200
# iOS tries again with growing waits that Apple does not publish; these are ours.
RETRY_SECONDS = (0.5, 2.0, 5.0, 15.0)
# The issuer's clock may be a little ahead of the phone's.
CLOCKS_APART = timedelta(minutes=2)
T = TypeVar("T")


class PhoneError(Exception):
    """What the phone could not do; the text is an English sentence for a person."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. text: English msgid, filled from `params`; detail: technical, the same in every language."""

    at: datetime
    text: str
    params: dict[str, Any]
    detail: str
    is_good: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """What the lock screen shows: the issuer's name and the text, per language of the pass."""

    at: datetime
    serial_number: str
    titles: dict[str, str]
    texts: dict[str, str]


class LateTransport(httpx2.AsyncBaseTransport):
    """The usual transport, made with the first request: reading the machine's roots would be a tenth of a demo's start."""

    _made: httpx2.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._made = self._made or httpx2.AsyncHTTPTransport(trust_env=False)
        return await self._made.handle_async_request(request)

    async def aclose(self) -> None:
        if self._made is not None:
            await self._made.aclose()


class Phone:
    """One device.

    root_pem: what passes must chain to; None: the chain that they bring is taken for what it is. folder: where it
    remembers, None for nowhere. push_token: what it registers with, None for the one it remembers. `changed` is called
    after every step and every new pass. Acts run one after another, as on a device.
    """

    def __init__(self, *, root_pem: bytes | None, folder: Path | None = None, push_token: str | None = None,
                 clock: Clock | None = None, transport: httpx2.AsyncBaseTransport | None = None,
                 retry_seconds: Sequence[float] = RETRY_SECONDS, changed: Callable[[], None] | None = None) -> None:
        self.memory: Memory = load(folder, root_pem)
        if push_token:
            self.memory.push_token = push_token
        self.steps: deque[Step] = deque(maxlen=STEPS_KEPT)
        self.messages: deque[Message] = deque(maxlen=STEPS_KEPT)
        self.changed = changed or (lambda: None)
        self._root_pem, self._clock, self._retry_seconds = root_pem, clock or SystemClock(), tuple(retry_seconds)
        # The environment's proxies are the server's business, not the phone's.
        self._http = httpx2.AsyncClient(transport=transport or LateTransport(), timeout=30.0, trust_env=False)
        self._wire = Wire(self._http, self.memory.device_library_identifier)
        self._turn = asyncio.Lock()
        self._told: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def passes(self) -> list[Held]:
        """The passes it holds, oldest first."""
        return list(self.memory.passes.values())

    def stacks(self, now: datetime) -> tuple[list[list[Held]], list[Held]]:
        """What the wallet shows, a stack for each pass type with the newest on top, and what it hides because it has ended."""
        shown: dict[str, list[Held]] = {}
        newest_first = self.passes[::-1]
        for held in newest_first:
            if not held.has_ended(now):
                shown.setdefault(held.key[0], []).append(held)
        return list(shown.values()), [held for held in newest_first if held.has_ended(now)]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    async def install(self, source: str | bytes) -> Held:
        """Add a pass: a .pkpass, or its address or that of its card page. Registers, lists and fetches as iOS does.

        Raises PhoneError when it is no pass that a phone would take, or the update service refuses it.
        """
        async with self._turn:
            held = await self._take(source)
            known = self.memory.passes.get(held.key)
            self.memory.passes[held.key] = held
            self.memory.save()
            self._step(N_("The same pass was there already and is replaced") if known else N_("The pass is in the wallet"),
                       f"{len(held.contents.files)} files, serial {held.contents.serial_number}")
            if not held.service:
                self._step(N_("This pass will never update: it names no web service"), "", is_good=False)
                return held
            await self._register(held)
            await self._update(held.service, held.key[0])
            return self.memory.passes[held.key]

    def told(self, topic: str) -> None:
        """A push arrived. Returns at once; the work follows, and further pushes until it begins are one."""
        self._step(N_("Push received"), f"apns-topic {topic}")
        if topic not in self._told:
            self._told.add(topic)
            task = asyncio.get_running_loop().create_task(self._after_push(topic))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def pushed(self, topic: str) -> None:
        """A push arrived: ask every service that has passes of this type what changed, and fetch that. Never raises."""
        async with self._turn:
            self._told.discard(topic)
            services = {held.service for held in self.passes if held.key[0] == topic and held.service}
            for service in sorted(services):
                try:
                    await self._update(service, topic)
                except PhoneError:
                    continue  # said and logged where it happened; the next push or pull tries again

    async def refresh(self, pass_type: str, serial: str) -> bool:
        """Pull to refresh: get the pass with no push and no list. Returns whether it changed. Raises PhoneError."""
        async with self._turn:
            return await self._fetch(self._held(pass_type, serial), was_listed=False)

    async def remove(self, pass_type: str, serial: str) -> None:
        """Delete the pass. As on a phone, the service may or may not hear of it."""
        async with self._turn:
            held = self._held(pass_type, serial)
            del self.memory.passes[held.key]
            self.memory.save()
            self._step(N_("The card was removed from the wallet"), f"serial {serial}")
            if held.service:
                try:
                    await self._wire.unregister(held.service, pass_type, serial, held.token)
                    self._step(N_("Unregistered"), self._wire.seen)
                except WireError as exc:
                    self._step(N_("The service did not take the goodbye"), f"{self._wire.seen}: {exc}", is_good=False)

    async def renew_push_token(self, push_token: str) -> None:
        """The device got another push token: register every pass again with it. Raises PhoneError."""
        async with self._turn:
            self.memory.push_token = push_token
            self.memory.save()
            for held in self.passes:
                if held.service:
                    await self._register(held)

    # Inside; the turn is taken

    async def _after_push(self, topic: str) -> None:
        await self.pushed(topic)

    def _held(self, pass_type: str, serial: str) -> Held:
        try:
            return self.memory.passes[pass_type, serial]
        except KeyError:
            raise PhoneError(f"There is no pass {serial} in the wallet.") from None

    async def _take(self, source: str | bytes) -> Held:
        if isinstance(source, bytes):
            data = source
        else:
            try:
                data = await self._wire.download(pass_address(source))
            except WireError as exc:
                self._step(N_("No pass came from this address"), str(exc), is_good=False)
                raise PhoneError(str(exc)) from exc
            self._step(N_("Fetched the pass"), self._wire.seen)
        try:
            contents = check_pkpass(data, root_pem=self._root_pem, now=self._clock.now() + CLOCKS_APART)
        except BadPass as exc:
            self._step(N_("A phone would refuse this pass without a word"), str(exc), is_good=False)
            raise PhoneError(f"A phone would refuse this pass: {exc}") from exc
        self._step(N_("Signature and hashes are good"), signed(contents, self._root_pem))
        return Held(data, contents)

    async def _register(self, held: Held) -> None:
        pass_type, serial = held.key
        device = self.memory.device_library_identifier
        is_new = await self._asked(
            held.service, f"Register task (for device {device}, pass type {pass_type}, serial number {serial}",
            lambda: self._wire.register(held.service, pass_type, serial, held.token, self.memory.push_token))
        self._step(N_("Registered") if is_new else N_("Registered again"), self._wire.seen)

    async def _update(self, service: str, pass_type: str) -> None:
        """List what changed since the tag, fetch each, then keep the new tag. Raises PhoneError."""
        tag_key = f"{service} {pass_type}"
        tag, device = self.memory.tags.get(tag_key), self.memory.device_library_identifier
        listed = await self._asked(
            service, f"Get serial numbers task (for device {device}, pass type {pass_type}, last updated {tag}",
            lambda: self._wire.list_changed(service, pass_type, tag))
        if listed.tag is None:
            self._step(N_("Nothing changed"), self._wire.seen)
            return
        self._step(N_("Changed passes: %(count)s"), self._wire.seen, count=len(listed.serials))
        if listed.serials and listed.tag == tag:
            await self._complain(service, f"Web service error for {pass_type} ({service}): Response to 'What changed?' request included "
                                          f"{len(listed.serials)} serial numbers but the lastUpdated tag ({tag}) remained the same.")
        for serial in listed.serials:
            held = self.memory.passes.get((pass_type, serial))
            if held is None:
                self._step(N_("The list names a pass that is not in this wallet"), f"serial {serial}", is_good=False)
            elif held.service == service:
                await self._fetch(held, was_listed=True)
        # Kept last: a fetch that failed is listed again next time.
        self.memory.tags[tag_key] = listed.tag
        self.memory.save()

    async def _fetch(self, held: Held, *, was_listed: bool) -> bool:
        pass_type, serial = held.key
        name = f"Get pass task (pass type {pass_type}, serial number {serial}, if-modified-since {held.last_modified or '(null)'}"
        fetched = await self._asked(
            held.service, name, lambda: self._wire.get_pass(held.service, pass_type, serial, held.token, held.last_modified))
        if fetched.data is None:
            self._step(N_("The pass is up to date"), self._wire.seen)
            return False
        self._step(N_("Fetched the new pass"), self._wire.seen)
        complaint = f"Web service error for {pass_type} ({held.service}): "
        if not fetched.last_modified:
            await self._complain(held.service, complaint + "Server did not provide a valid 'last-modified' header.")
        try:
            contents = check_pkpass(
                fetched.data, root_pem=self._root_pem, now=self._clock.now() + CLOCKS_APART,
                pass_type_identifier=pass_type, serial_number=serial, authentication_token=held.token)
        except BadPass as exc:
            await self._complain(held.service, f"{name}; with web service url {held.service}) encountered error: {exc}")
            raise PhoneError(str(exc)) from exc
        self._step(N_("Signature and hashes are good"), signed(contents, self._root_pem))
        is_same = contents.files["manifest.json"] == held.contents.files["manifest.json"]
        if is_same and held.last_modified:
            await self._complain(held.service, complaint + (
                f"Server requested update to serial number '{serial}', but the pass was unchanged." if was_listed else
                f"Server ignored the 'if-modified-since' header ({held.last_modified}) and returned the full unchanged pass data for "
                f"serial number '{serial}'."))
        self._keep(held, Held(fetched.data, contents, fetched.last_modified))
        return not is_same

    def _keep(self, old: Held, new: Held) -> None:
        """Replace the pass and announce, as Wallet does, the fields that changed and want it."""
        self.memory.passes[new.key] = new
        self.memory.save()
        for change in changes(old.contents, new.contents):
            field = change.field
            if field.get("changeMessage") and change.is_changed:
                languages = sorted(new.contents.strings) or ["en"]
                self.messages.append(Message(
                    self._clock.now(), new.contents.serial_number,
                    {language: new.contents.text(new.contents.card["organizationName"], language) for language in languages},
                    {language: announcement(new.contents, field, language) for language in languages}))
        shown_now = ", ".join(f"{change.field['key']} {change.before} → {shown(change.field)}"
                              for change in changes(old.contents, new.contents) if change.is_changed)
        self._step(N_("The new pass is drawn"), shown_now)

    async def _asked(self, service: str, name: str, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call as iOS does: again after growing waits where that may help, and a line for the issuer when it fails."""
        for wait in (*self._retry_seconds, None):
            try:
                return await call()
            except WireError as exc:
                self._step(N_("The service did not answer as a phone needs it"), f"{self._wire.seen}: {exc}", is_good=False)
                if wait is None or not exc.can_retry:
                    line = f"{name}; with web service url {service}) encountered error: {exc}"
                    await self._wire.log(service, [stamped(self._clock.now(), line)])
                    raise PhoneError(str(exc)) from exc
            await asyncio.sleep(wait)
        raise AssertionError("the last wait is None")

    async def _complain(self, service: str, line: str) -> None:
        self._step(N_("Something is not as it should be"), line, is_good=False)
        await self._wire.log(service, [stamped(self._clock.now(), line)])

    def _step(self, text: str, detail: str, *, is_good: bool = True, **params: Any) -> None:
        self.steps.append(Step(self._clock.now(), text, params, detail, is_good))
        self.changed()


@dataclass(frozen=True, slots=True)
class Change:
    """A field of the new pass and what the old one showed under the same key, None where it had no such field."""

    field: dict[str, Any]
    before: str | None

    @property
    def is_changed(self) -> bool:
        return self.before is not None and self.before != shown(self.field)


def changes(old: PassContents, new: PassContents) -> list[Change]:
    """The fields of `new`, compared by key with those of `old`."""
    result = []
    for place in PLACES:
        for field in new.fields(place):
            before = old.field(field["key"])
            result.append(Change(dict(field), None if before is None else shown(before)))
    return result


def shown(field: Any) -> str:
    """A field's value as plain text; numbers as plain digits, money with its currency."""
    value = field["value"]
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{text} {field['currencyCode']}" if "currencyCode" in field else text


def announcement(contents: PassContents, field: dict[str, Any], language: str) -> str:
    """The lock screen's text for a changed field: its changeMessage with %@ filled."""
    value = contents.text(field["value"], language) if isinstance(field["value"], str) else shown(field)
    return contents.text(field["changeMessage"], language).replace("%@", value)


def pass_address(address: str) -> str:
    """The .pkpass behind an address: itself, or the one of a card page (`/c/{token}`). Raises WireError for what is no address."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        raise WireError("This is not an address.") from None
    path = parts.path.rstrip("/")
    if path.startswith("/c/") and path.count("/") == 2:
        return parts._replace(path=f"{path}/card.pkpass", query="", fragment="").geturl()
    return address.strip()


def signed(contents: PassContents, root_pem: bytes | None) -> str:
    trust = "chain up to the given root" if root_pem else "chain that the pass brings; no root was given"
    return f"PKCS #7, {trust}, {len(contents.files) - 2} files match the manifest"


def stamped(now: datetime, line: str) -> str:
    """A line as iOS writes it into its log: `[2026-11-22 04:00:00 +0000] …`."""
    return f"[{now:%Y-%m-%d %H:%M:%S} +0000] {line}"
