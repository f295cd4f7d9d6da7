"""A card's pass: who it is, its newest version built and signed, and the same card drawn for pages."""
import asyncio
import dataclasses
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from app import secrets
from app.cards import rules as card_rules
from app.cards import service as cards
from app.cards.service import Card
from app.certificates import service as certificates
from app.certificates.service import CertificateExpired, NotSetUp, PassType
from app.clock import to_ms
from app.context import Context
from app.db import Database, Transaction, write_transaction
from app.designs import service as designs
from app.designs.prepared import PreparedDesign
from app.designs.preview import PassView, preview
from app.designs.rules import CardFace, DesignContent
from app.designs.service import DesignKey, Drawing
from app.errors import NotFound
from app.passes import faces, keeping, shared, store, unchanged
from app.passes.apple import MOST_LOCATIONS, AppleDesign, Near, PassCard, PassLocation
from app.passes.faces import Shared, reward_names
from app.passes.keeping import Kept, keep
from app.passes.store import Pass, Reader
from app.passes.unchanged import tag_of
from app.programs.store import Program
from app.programs.terms import Said
from app.secrets import KeyRing
from app.updates import spreads
from app.web.principal import Principal

__all__ = [
    "BuiltPass", "CertificateExpired", "Kept", "NotSetUp", "build", "ensure", "hand_out", "keep", "open_token", "publish_design",
    "reward_names", "sample_of", "sample_view", "view"]

TOKEN_PURPOSE = "passes.token"     # noqa: S105 (a label)
KEPT_READY = 256


class _Key(NamedTuple):
    """All that the fixed part of a pass is made from. stamps: (stamped, places) of its picture, None where it shows none; near: the words
    that places on it have of their own."""

    design: DesignKey
    stamps: tuple[int, int] | None
    near: tuple[Near, ...]


_ready: OrderedDict[_Key, AppleDesign] = OrderedDict()


@dataclass(frozen=True, slots=True)
class BuiltPass:
    """A version of a pass. data: the .pkpass, None where the asker has it; modified_at: its Last-Modified, UTC, whole seconds.

    kept: what to hand to `keep` once it was fetched; None where nothing new was signed. number: the card's newest update when it was
    read, so that a change in between is fetched once more, never missed.
    """

    data: bytes | None
    modified_at: datetime
    version: int
    kept: Kept | None = None
    number: int = 0


class _State(NamedTuple):
    """Everything that a pass shows, read at one moment. link: the token of the page that its back names."""

    key: _Key
    is_live: bool
    card: Card
    face: CardFace
    locations: tuple[PassLocation, ...]
    link: str | None


async def ensure(here: Context, card: Card, now: datetime) -> Pass:
    """The card's pass; where it has none yet, it gets its type, serial number and token now, and keeps them for ever.

    Raises NotSetUp or CertificateExpired where a new one could not be signed, having written nothing.
    """
    held = await store.find(here.db, card.id)
    if held is None:
        kind = await certificates.pass_type_for(here, card.business_id, now)
        await certificates.signer_of(here, kind.id, now)
        serial_number, token = secrets.new_token(22), secrets.new_secret()

        async def act(tx: Transaction) -> None:
            if await store.find(tx, card.id) is not None:
                return
            pass_id = await store.insert(tx, {"business_id": card.business_id, "card_id": card.id, "pass_type_id": kind.id,
                                              "serial_number": serial_number, "now": to_ms(now)})
            if pass_id is not None:
                # Sealed for its own row: a token copied into another one does not open.
                await store.set_token(tx, pass_id, here.ring.seal_text(TOKEN_PURPOSE, token, str(pass_id).encode()))

        await write_transaction(here.db, act)
        held = await store.find(here.db, card.id)
        assert held is not None
    return held


def open_token(ring: KeyRing, pass_id: int, sealed: bytes) -> str:
    """A pass's authentication token."""
    return ring.open_text(TOKEN_PURPOSE, sealed, str(pass_id).encode())


async def hand_out(here: Context, card: Card, now: datetime) -> BuiltPass:
    """The pass file of a card, whether or not it had a pass before."""
    await ensure(here, card, now)
    return await build(here, card.id, now)


async def build(here: Context, card_id: int, now: datetime, *, unless: str | None = None) -> BuiltPass:
    """The newest version of a card's pass, which `ensure` made, signed at `now`; the version that was kept where nothing can be signed.

    A state that differs from the last built one is a new version: its row, with a Last-Modified of its own, is committed before
    this returns. unless: the If-Modified-Since that the asker sent; an equal one gets no data. Raises NotFound, and NotSetUp or
    CertificateExpired where no version was kept.
    """
    found = await store.find_marked(here.db, card_id)
    if found is None:
        raise NotFound()
    held, mark = found
    seen = unchanged.find(here, card_id, unless, now)
    if seen is not None and (seen.mark, seen.version) == (mark, held.version):
        return BuiltPass(None, seen.modified_at, seen.version, number=mark[0])
    try:
        signer = await certificates.signer_of(here, held.pass_type_id, now)
    except (CertificateExpired, NotSetUp):
        if (served := await _kept(here, held, unless)) is None:
            raise
        return dataclasses.replace(served, number=mark[0])
    kind = await certificates.pass_type(here, held.pass_type_id, now)
    card = await cards.get_card(here.db, held.business_id, held.card_id)
    state = await _read(here.db, here.ring, card, await shared.of(here, card, mark, now), now)
    design = await _design(state.key)
    pass_json = _pass_json(here, kind, held, state, design)
    manifest = design.bundle.manifest(pass_json)
    if _fingerprint(manifest) != held.fingerprint:
        held, design, pass_json, manifest = await _new_version(here, kind, held, state, _Drawn(held, design, pass_json, manifest), now)
    unchanged.note(here, held, mark, now)
    if _has(unless, held.modified_at):
        return BuiltPass(None, held.modified_at, held.version, number=mark[0])
    signature = signer.sign(manifest, now)
    return BuiltPass(design.bundle.archive(pass_json, manifest, signature), held.modified_at, held.version, Kept(
        held.id, held.business_id, held.version, held.modified_at, now, pass_json, manifest, signature, design.bundle), mark[0])


def _has(unless: str | None, modified_at: datetime) -> bool:
    return unless == tag_of(modified_at)


async def _kept(here: Context, held: Pass, unless: str | None) -> BuiltPass | None:
    """What was signed while it could be; None where nothing was kept."""
    if held.version and _has(unless, held.modified_at):
        return BuiltPass(None, held.modified_at, held.version)
    served = await keeping.find(here, held.id, held.card_id)
    if served is None:
        return None
    return BuiltPass(None if _has(unless, served.modified_at) else served.data, served.modified_at, served.version)


async def _new_version(here: Context, kind: PassType, held: Pass, seen: _State, drawn: "_Drawn", now: datetime) -> "_Drawn":
    """Take a version for what the card is now, under the pass's lock: an older state never gets the newer version.

    held was read before `seen`, of which `drawn` was made: where nobody took a version since, what was seen is no older than the
    last version and need not be read again.
    """
    second = to_ms(now) // 1000 * 1000

    async def act(tx: Transaction) -> _Key | _Drawn:
        await store.lock(tx, held.id)
        fresh = await store.find(tx, held.card_id)
        assert fresh is not None
        if fresh.version == held.version and not (seen.is_live and seen.link is None):
            return drawn._replace(held=await store.next_version(tx, fresh.id, _fingerprint(drawn.manifest), second))
        card = await cards.get_card(tx, fresh.business_id, fresh.card_id)
        state = await _read(tx, here.ring, card, await faces.shared_of(tx, card), now)
        design = _ready.get(state.key)
        if design is None:
            return state.key
        if state.is_live and state.link is None:
            state = state._replace(link=await cards.page_link(tx, here.ring, state.card, "pass", now))
        pass_json = _pass_json(here, kind, fresh, state, design)
        manifest = design.bundle.manifest(pass_json)
        fingerprint = _fingerprint(manifest)
        if fingerprint != fresh.fingerprint:
            fresh = await store.next_version(tx, fresh.id, fingerprint, second)
        return _Drawn(fresh, design, pass_json, manifest)

    while not isinstance(done := await write_transaction(here.db, act), _Drawn):
        # The design changed in between: pictures are not drawn while others wait for the database.
        await _design(done)
    return done


class _Drawn(NamedTuple):
    held: Pass
    design: AppleDesign
    pass_json: bytes
    manifest: bytes


def _pass_json(here: Context, kind: PassType, held: Pass, state: _State, design: AppleDesign) -> bytes:
    address = here.settings.address
    face = replace(state.face, page_link=address(f"/c/{state.link}")) if state.link else state.face
    return design.pass_json(PassCard(
        kind.pass_type_identifier, kind.team_identifier, held.serial_number, open_token(here.ring, held.id, held.token_sealed),
        address(f"/apple/{kind.short_id}"), face, state.locations))


def _fingerprint(manifest: bytes) -> bytes:
    """Of pass.json, the pictures and the words: the manifest holds a hash of each."""
    return hashlib.sha256(manifest).digest()


async def _design(key: _Key) -> AppleDesign:
    """The design as Apple's passes need it, kept by what it is made of."""
    found = _ready.get(key)
    if found is None:
        found = _ready[key] = await asyncio.to_thread(_drawn, await designs.ready(key.design), key)
        while len(_ready) > KEPT_READY:
            _ready.popitem(last=False)
    return found


def _drawn(design: PreparedDesign, key: _Key) -> AppleDesign:
    return AppleDesign(design, key.stamps if design.has_stamps else None, key.near)


async def _read(reader: Reader, ring: KeyRing, card: Card, alike: Shared, now: datetime) -> _State:
    is_live = card.status in card_rules.LIVE
    link = await cards.find_page_link(reader, ring, card, "pass") if is_live else None
    locations = tuple([PassLocation(place.latitude, place.longitude, place.near) for place in alike.places
                       if place.latitude is not None and place.longitude is not None][:MOST_LOCATIONS])
    key, face = await faces.drawn_of(reader, ring, card, alike, now)
    near = tuple(dict.fromkeys([place.near for place in locations if place.near]))
    return _State(_Key(key, faces.stamps_of(alike.program.rules, face), near), is_live, card, face, locations, link)


async def view(reader: Reader, ring: KeyRing, card: Card, program: Program, language: str, now: datetime) -> PassView:
    """The card as a page draws it."""
    key, face = await faces.drawn(reader, ring, card, program, now)
    return preview(await designs.ready(key), face, language)


async def sample_view(reader: Reader, program: Program, language: str) -> PassView:
    """A card of the programme that nobody has."""
    return await _sample(await designs.drawing_of(reader, program), program, language, await reward_names(reader, program))


async def sample_of(reader: Reader, content: DesignContent, program: Program, language: str) -> PassView:
    """The same for a design that is still being chosen; `content` was validated."""
    return await _sample(await designs.drawing_for(reader, program, content), program, language, {})


async def _sample(drawing: Drawing, program: Program, language: str, rewards: Mapping[str, Said]) -> PassView:
    face = faces.sample(program.rules, program.currency, language)
    return preview(await designs.ready(faces.key_for(program, drawing, rewards, face)), face, language)


async def publish_design(db: Database, who: Principal, program_id: int, content: DesignContent, now: datetime) -> int:
    """Show a new design from now on, and tell every wallet that holds a card of the programme; returns the version's number."""
    async def act(tx: Transaction) -> int:
        version = await designs.publish(tx, who, program_id, content, now)
        await spreads.begin(tx, who.business_id, program_id, now)
        return version

    return await write_transaction(db, act)
