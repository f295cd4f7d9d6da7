"""What Google shall show of a programme and of a card, read from wherever it is kept."""
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from app.benefits import service as benefits
from app.cards import rotation
from app.cards import service as cards
from app.cards.service import Card
from app.clock import local_day
from app.context import Context
from app.designs import service as designs
from app.designs.prepared import PreparedDesign
from app.designs.rules import CardFace
from app.errors import NotFound
from app.google import notices, pictures
from app.google.notices import Notice, Shown
from app.google.rules import Body, ClassFacts, ObjectFacts, Pictures, Rotating, class_body, object_body, outline, shred_body
from app.google.store import ClassRow, ObjectRow
from app.images import service as images
from app.passes import faces
from app.programs import service as programs
from app.programs.store import Program
from app.segments import known

CALLBACK = "/google/callback"


class Drawn(NamedTuple):
    """An object as it shall be. shown: what to remember of it; notice: what of it deserves a word to its holder."""

    body: Body
    shown: Shown
    notice: Notice | None
    is_shred: bool = False


async def draw_class(here: Context, row: ClassRow) -> Body:
    """The class's body as its programme is now."""
    program = await programs.get_program(here.db, row.business_id, row.program_id)
    places = [place for place in await programs.list_locations(here.db, row.business_id) if place.closed_at is None]
    design = await _shared(here, program, [place.address for place in places])
    languages = design.languages
    found = tuple((place.latitude, place.longitude) for place in places if place.latitude is not None and place.longitude is not None)
    callback = here.settings.address(CALLBACK) if here.settings.is_https else ""
    return class_body(design, ClassFacts(
        row.class_id, {language: program.business_name_in(language) for language in languages},
        {language: program.name_in(language) for language in languages}, program.country,
        await _pictures(here, row.business_id, design), found, callback))


async def draw_object(here: Context, row: ObjectRow, class_id: str, now: datetime) -> Drawn:
    """The object's body as its card is now."""
    card = await cards.get_card(here.db, row.business_id, row.card_id)
    before = row.shown or Shown()
    if row.shred or card.status == "erased":
        body = shred_body(row.object_id, class_id)
        return Drawn(body, Shown(outline=outline(body)), None, is_shred=True)
    program = await programs.get_program(here.db, row.business_id, card.program_id)
    key, face = await faces.drawn(here.db, here.ring, card, program, now)
    design = await designs.ready(key)
    is_over = face.expires_at is not None and face.expires_at <= now
    body = object_body(design, face, ObjectFacts(
        row.object_id, class_id, card.status, await _hero(here, program, design, face), await _rotating(here, card, program), is_over,
        before.messages))
    levels = [level.key for level in program.rules.levels.levels] if program.rules.levels else []
    shown = notices.shown_of(face, levels, await _prices(here, program))
    shown = replace(shown, ends_on=before.ends_on, outline=outline(body), messages=before.messages)
    notice = None
    if row.is_created and row.shown is not None and card.status == "active":
        notice = notices.notice_for(before, shown, design, face, local_day(now, program.time_zone))
    if notice is not None and notice.message is not None and notice.message["id"] == "ending" and face.expires_on is not None:
        shown = replace(shown, ends_on=face.expires_on.isoformat())
    return Drawn(body, shown, notice)


async def _shared(here: Context, program: Program, addresses: Sequence[str]) -> PreparedDesign:
    """The design in the programme's own colours: those of a level belong to cards."""
    nobody = CardFace("", 0, 0, program.currency)
    rewards, called = await faces.reward_names(here.db, program), await known.places(here.db, program, program.rules)
    return await designs.ready(faces.key_for(program, await designs.drawing_of(here.db, program), rewards, nobody, called, addresses))


async def _pictures(here: Context, business_id: int, design: PreparedDesign) -> Pictures:
    """The business's own where it has some, else what is drawn in its colours."""
    address, own = here.settings.address, design.pictures
    logo = await _uploaded(here, business_id, own.logo or own.icon, "google-logo.png")
    hero = await _uploaded(here, business_id, own.strip, "google-hero.png")
    return Pictures(address(logo or pictures.logo_path(here.ring, design.colours)),
                    address(hero or pictures.hero_path(here.ring, design.colours)))


async def _uploaded(here: Context, business_id: int, digest: str | None, name: str) -> str:
    """The path of a file made from an upload; "" where there is none."""
    if digest is None:
        return ""
    try:
        return (await images.kept(here.db, business_id, digest)).addresses.get(name, "")
    except NotFound:
        return ""


async def _hero(here: Context, program: Program, design: PreparedDesign, face: CardFace) -> str:
    """The card's own picture: its stamps, or the stones in its level's colour; "" for the class's."""
    stamps = faces.stamps_of(program.rules, face) if design.has_stamps else None
    if stamps is not None:
        return here.settings.address(pictures.stamps_path(here.ring, design.colours, *stamps))
    levels = program.rules.levels.levels if program.rules.levels else ()
    own = next((level.background for level in levels if level.key == face.level), None)
    if own is None or design.pictures.strip is not None:
        return ""
    return here.settings.address(pictures.hero_path(here.ring, design.colours))


async def _rotating(here: Context, card: Card, program: Program) -> Rotating | None:
    if not program.rotation_seconds:
        return None
    return Rotating(await rotation.ready_key(here.db, here.ring, card), program.rotation_seconds)


async def _prices(here: Context, program: Program) -> list[int]:
    """What the catalogue's open rewards cost in the unit that the card is about."""
    found = await benefits.list_rewards(here.db, program.business_id, program.id)
    return [reward.cost for reward in found if reward.unit == program.rules.unit and reward.stock != 0]
