"""A sheet made of what a programme is and what somebody chose; the places where sheets hang, and what they brought."""
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.designs import service as designs
from app.enrolment import visits
from app.errors import FieldError, Invalid, Refused
from app.posters import layout, pdf, raster, rules, store, svg
from app.posters.rules import FORMATS, Brought, CodeUnread, Place, Poster, Saying
from app.posters.store import Reader
from app.programs import service as programs
from app.programs import words
from app.programs.explain import headline
from app.programs.store import Program
from app.settings import Settings
from app.text import N_
from app.web.principal import Principal


class TooManyPlaces(Refused):
    code, detail = "too_many_places", N_("There are 200 places already. Use one of them again.")


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody chose; each valid (`rules.wrong_choices`). slug: of the place, or ""; headlines: language → text."""

    size: str
    languages: tuple[str, ...]
    headlines: Mapping[str, str]
    slug: str = ""
    colour: str = ""


def headline_of(program: Program, language: str) -> str:
    """What a passer-by wants to know, in one line made from the rules: "5 points for every 100 ₽"."""
    said = headline(program.rules, program.currency, language) or program.business_name_in(language)
    return said.replace(words.SPACE, " ")[:rules.HEADLINE_MOST]


async def addresses(reader: Reader, settings: Settings, program: Program, slug: str = "") -> tuple[str, str]:
    """(the enrolment page with the place's name, the business's address for people to type)."""
    business = await programs.get_business(reader, program.business_id)
    page = settings.address(f"/e/{business.slug}/{program.slug}")
    return rules.link_of(page, slug), re.sub(r"^https?://", "", settings.address(f"/e/{business.slug}"))


async def poster_of(reader: Reader, settings: Settings, program: Program, choice: Choice) -> Poster:
    """The sheet in the programme's design."""
    drawing = await designs.drawing_of(reader, program)
    content, own = drawing.content, drawing.pictures.files
    address, shown = await addresses(reader, settings, program, choice.slug)
    says = tuple(Saying(language, content.words(language).name, choice.headlines[language]) for language in choice.languages)
    return Poster(choice.size, says, address, shown, rules.colours_with(content.colours(), choice.colour),
                  own.get("strip@3x.png"), own.get("logo@3x.png"))


def hand_out(poster: Poster, kind: str) -> bytes:
    """The finished file, after every code on it was read back. kind: a key of rules.KINDS. Half a second: call it in a thread.

    Raises CodeUnread: nobody gets a sheet that a phone could not read.
    """
    sheet = layout.lay(poster)
    if kind == "svg":
        file = svg.draw(sheet)
    else:
        file = pdf.draw(sheet)
        if kind == "png":
            file = raster.png_of(file, FORMATS[poster.size].dpi)
    if raster.codes_in(file, kind) != [poster.address] * sheet.codes:
        raise CodeUnread()
    return file


@lru_cache(maxsize=32)
def drawn(poster: Poster) -> tuple[str, bool]:
    """(the sheet as SVG for a page, whether its codes were read back)."""
    sheet = layout.lay(poster)
    picture = svg.inline(sheet)
    return picture, raster.codes_in(picture.encode(), "svg") == [poster.address] * sheet.codes


async def places_of(reader: Reader, business_id: int) -> list[Place]:
    return await store.places(reader, business_id)


async def add_place(db: Database, who: Principal, name: str, slug: str, location_id: int | None, now: datetime) -> Place:
    """A name for a poster or link. slug: the name in Latin letters; a number is added where it is taken.

    Raises Invalid, NotFound for another business's location, TooManyPlaces.
    """
    if wrong := rules.wrong_place(name):
        raise Invalid(fields=wrong)
    if location_id is not None:
        await programs.get_location(db, who.business_id, location_id)

    async def act(tx: Transaction) -> Place:
        known = await store.places(tx, who.business_id)
        if len(known) >= store.MOST:
            raise TooManyPlaces()
        if any(each.name == name and each.location_id == location_id for each in known):
            raise Invalid(fields=[FieldError("place", "taken", N_("There is a place of this name already."))])
        free = rules.free_slug(slug, {each.slug for each in known})
        made = await store.append(tx, who.business_id, name, free, location_id, to_ms(now))
        if made is None:
            raise Invalid(fields=[FieldError("place", "taken", N_("There is a place of this name already."))])
        await audit.record(tx, who, "poster.place", "poster_place", made.id, now=now)
        return made

    return await write_transaction(db, act)


async def brought(reader: Reader, business_id: int, language: str) -> list[Brought]:
    """What each place and each link brought, the most cards first. The page itself has an empty slug and name."""
    counts = await visits.of_posters(reader, business_id)
    shops = {each.id: each.name_in(language) for each in await programs.list_locations(reader, business_id)}
    places = {each.slug: each for each in await store.places(reader, business_id)}
    found = []
    for slug in {**counts, **places}:
        place = places.get(slug)
        opened, cards = counts.get(slug, (0, 0))
        found.append(Brought(slug, place.name if place else slug, shops.get(place.location_id or 0, "") if place else "", opened, cards))
    return sorted(found, key=lambda each: (-each.cards, -each.visits, each.name))
