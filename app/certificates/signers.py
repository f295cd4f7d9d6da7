"""The certificates of this server as this process knows them: parsed once, and looked for again every few seconds.

An upload in another process is noticed within REREAD; in the same one at once (`forget`).
"""
import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.certificates import store
from app.certificates.signer import PassSigner
from app.certificates.store import Certificate, PassType
from app.context import Context
from app.errors import SettingsError, Unavailable
from app.secrets import CannotOpen, KeyRing
from app.settings import Settings
from app.text import N_

log = logging.getLogger("tessera.certificates")
KEY_PURPOSE = "certificates.key"
CHANNEL = "certificates"
REREAD = timedelta(seconds=5)
EXTRA = "certificates"


class NotSetUp(Unavailable):
    """There is no pass certificate that could sign."""

    code, detail = "apple_not_set_up", N_("Cards for Apple Wallet are not set up on this server. The card's page works without them.")


@dataclass(frozen=True, slots=True)
class Live:
    """A certificate that nobody retired. id: its row, None for the one in the settings; kind: its pass type's row."""

    id: int | None
    kind: PassType
    signer: PassSigner


@dataclass(frozen=True, slots=True)
class Fault:
    """A certificate that cannot be used, and why. business_id: None for the server's own."""

    business_id: int | None
    certificate_id: int | None
    sentence: str


class Signers:
    """What one process keeps. Its fields are replaced as wholes, never changed: a reader needs no lock."""

    def __init__(self, here: Context) -> None:
        self._here = here
        self._turn = asyncio.Lock()
        self._read_at: datetime | None = None
        self._mark: tuple[int, ...] | None = None
        self._settings: Settings | None = None
        self._parsed: dict[int, PassSigner | str] = {}
        self._own: tuple[PassSigner | None, str] = (None, "")
        self.types: dict[int, PassType] = {}
        self.own: PassSigner | None = None
        self.live: dict[int, tuple[Live, ...]] = {}
        self.faults: tuple[Fault, ...] = ()

    async def fresh(self, now: datetime) -> "Signers":
        """Itself, no older than REREAD. A database that cannot be read leaves what is known."""
        if not self._is_fresh(now):
            async with self._turn:
                if not self._is_fresh(now):
                    await self._look(now)
        return self

    def forget(self) -> None:
        """Look again with the next question: something was just changed here."""
        self._read_at = None

    def _is_fresh(self, now: datetime) -> bool:
        return self._read_at is not None and abs(now - self._read_at) < REREAD and self._settings is self._here.settings

    async def _look(self, now: datetime) -> None:
        db, settings = self._here.db, self._here.settings
        if settings is not self._settings:
            self._own, self._mark = await asyncio.to_thread(_own, settings), None
        try:
            mark = await store.mark(db)
            if mark != self._mark:
                kinds, rows = await store.types(db), await store.live(db)
                await asyncio.to_thread(self._parse, rows)
                self._arrange({kind.id: kind for kind in kinds}, rows)
                self._mark = mark
        except Unavailable:
            if self._mark is None:
                raise
        self._read_at, self._settings = now, settings

    def _parse(self, rows: list[Certificate]) -> None:
        for row in rows:
            if row.id not in self._parsed:
                self._parsed[row.id] = _signer(self._here.ring, row)

    def _arrange(self, types: dict[int, PassType], rows: list[Certificate]) -> None:
        own, fault = self._own
        live: dict[int, list[Live]] = {}
        faults = [Fault(None, None, fault)] if fault else []
        if own is not None:
            kind = next((each for each in types.values() if each.pass_type_identifier == own.pass_type_identifier), None)
            if kind is not None and kind.business_id is not None:
                own, taken = None, f"The pass type {kind.pass_type_identifier} of the server's certificate belongs to a business, which " \
                    "brought it first. Make a pass type of its own for the server."
                faults.append(Fault(None, None, taken))
            elif kind is not None:
                live[kind.id] = [Live(None, kind, own)]
        for row in rows:
            signer = self._parsed[row.id]
            assert row.pass_type_id is not None
            if isinstance(signer, str):
                faults.append(Fault(row.business_id, row.id, signer))
            else:
                live.setdefault(row.pass_type_id, []).append(Live(row.id, types[row.pass_type_id], signer))
        for trouble in faults:
            log.error("a pass certificate cannot be used: %s", trouble.sentence)
        self._parsed = {row.id: self._parsed[row.id] for row in rows}
        self.types, self.own, self.faults = types, own, tuple(faults)
        self.live = {kind: tuple(sorted(found, key=_newest_first)) for kind, found in live.items()}


def signers(here: Context) -> Signers:
    """The Signers of this process, made with the first use; ask `await signers(here).fresh(now)`."""
    made: Signers | None = here.extras.get(EXTRA)
    if made is None:
        made = here.extras[EXTRA] = Signers(here)
    return made


def seal_key(ring: KeyRing, certificate_id: int, key_der: bytes) -> bytes:
    """PKCS#8 DER, sealed for its own row: a key copied into another one does not open."""
    return ring.seal(KEY_PURPOSE, key_der, str(certificate_id).encode())


def open_key(ring: KeyRing, row: Certificate) -> bytes:
    """Raises CannotOpen."""
    return ring.open(KEY_PURPOSE, row.key_sealed, str(row.id).encode())


def _newest_first(live: Live) -> tuple[float, int]:
    return (-live.signer.not_before.timestamp(), -(live.id or 0))


def _signer(ring: KeyRing, row: Certificate) -> PassSigner | str:
    """The row, parsed and checked; or what is wrong with it."""
    assert row.certificate is not None and row.wwdr is not None
    try:
        # The key was checked at the upload; sealed, nobody has changed it since.
        return PassSigner.load(row.certificate.encode(), open_key(ring, row), None, row.wwdr.encode(), is_key_checked=True)
    except SettingsError as exc:
        return str(exc)
    except CannotOpen:
        return "The key of this certificate cannot be opened with TESSERA_SECRET_KEY. Put the key back that it was stored with."


def _own(settings: Settings) -> tuple[PassSigner | None, str]:
    """The certificate of the settings, or why there is none that could be used ("": none was set)."""
    if not settings.apple_certificate:
        return None, ""
    try:
        return PassSigner.load(settings.apple_certificate, settings.apple_key, settings.apple_key_password or None,
                               settings.apple_wwdr), ""
    except SettingsError as exc:
        return None, str(exc)
