"""The poster studio: a sheet is chosen in a form whose every choice has an address, seen, and downloaded; places are named and counted."""
import unicodedata
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.console import frame
from app.console.founding import slug_of
from app.console.program_frame import program_of, switch_of
from app.errors import FieldError, Invalid, TesseraError
from app.posters import button, rules, service
from app.posters.rules import FORMAT_WORDS, FORMATS, KINDS, Poster
from app.posters.service import Choice
from app.programs import service as programs
from app.programs.store import Program
from app.text import N_
from app.web import routing, templating
from app.web.requests import context, language, principal

POSTER = "/console/poster"
BUTTON = POSTER + "/button"
CHOICES = ("headline", "second", "size", "poster_language", "place", "colour")
# What a place is on the sheet's page; the button's own name is no place that somebody hangs something up at.
NOWHERE = N_("The link without a name")
ON_SITE = N_("The button on your site")


async def poster_page(request: Request) -> Response:
    """GET /console/poster: the choices of the address, seen; wrong ones come back with a sentence beside the sheet as it would be."""
    return await _studio(request, await program_of(request))


async def _studio(request: Request, program: Program, refused: TesseraError | None = None, place: str = "", shop: str = "") -> Response:
    """place, shop: what was typed for a new place that was refused."""
    here, who = context(request), principal(request)
    values, wrong = await _choices(request, program), {}
    try:
        await _check(request, values)
    except Invalid as mistaken:
        wrong = frame.sentences_of(request, mistaken)
    shown = _defaults(program, values["poster_language"]) | {name: value for name, value in values.items() if name not in wrong}
    poster = await _poster(request, program, shown)
    picture, reads = await run_in_threadpool(service.drawn, poster)
    _, typed_address = await service.addresses(here.db, here.settings, program)
    places = await service.places_of(here.db, who.business_id)
    query = urlencode({**values, "program": here.ids.encode("program", program.id)})
    wrong |= frame.sentences_of(request, refused) if refused else {}
    return await frame.page(request, "poster", {
        "other_programs": await switch_of(request, program, POSTER), "program_id": here.ids.encode("program", program.id),
        "values": values, "picture": templating.Markup(picture), "enrol_url": poster.address, "short_url": typed_address,
        "sizes": [(size, frame.said(request, said)) for size, said in FORMAT_WORDS.items()],
        "form": FORMATS[shown["size"]], "is_both": shown["poster_language"] == rules.BOTH, "own_colour": poster.colours.brand,
        "places": [("", frame.said(request, NOWHERE)), *[(each.slug, each.name) for each in places]],
        "downloads": [] if set(wrong) & set(CHOICES) else [(kind.upper(), f"{POSTER}/poster.{kind}?{query}") for kind in KINDS],
        "print_url": f"{POSTER}/print?{query}", "reads": reads,
        "contrast": [_ratio(each, language(request)) for each in rules.judged(poster.colours)],
        "corrections": [frame.said(request, each.sentence, **each.params) for each in poster.colours.corrections],
        "shops": [("", frame.said(request, N_("Outside of the shops")))] + await _shops(request), "place": place, "shop": shop,
        "place_action": f"{POSTER}/places?{query}", "brought": await _brought(request)},
        wrong=wrong, status=frame.status_for(refused) if refused else 422 if wrong else 200)


def _ratio(number: float, said: str) -> str:
    return f"{number:.1f}".replace(".", "," if said == "ru" else ".")


async def _brought(request: Request) -> list[dict[str, Any]]:
    names = {"": NOWHERE, rules.SITE: ON_SITE}
    found = await service.brought(context(request).db, principal(request).business_id, language(request))
    return [{"name": frame.said(request, names[each.slug]) if each.slug in names else each.name, "location": each.location,
             "visits": each.visits, "cards": each.cards, "share": _share(each)} for each in found]


def _share(brought: rules.Brought) -> str:
    """Of the visits, rounded down; nothing for cards that are older than the count of visits."""
    return f"{100 * brought.cards // brought.visits} %" if brought.visits >= brought.cards > 0 else ""


async def _shops(request: Request) -> list[tuple[str, str]]:
    here = context(request)
    found = await programs.list_locations(here.db, principal(request).business_id)
    return [(here.ids.encode("location", each.id), each.name_in(language(request))) for each in found if each.closed_at is None]


async def _choices(request: Request, program: Program) -> dict[str, str]:
    """The choices in the address as they were typed; what is missing is filled in."""
    query = request.query_params
    values = {name: " ".join(unicodedata.normalize("NFC", query[name]).split()) for name in CHOICES if query.get(name)}
    if "colour" in values:
        values["colour"] = values["colour"].lower()
    # A headline that nobody touched follows the language.
    made = {service.headline_of(program, each) for each in rules.LANGUAGES}
    for name in ("headline", "second"):
        if values.get(name) in made:
            del values[name]
    return _defaults(program, values.get("poster_language", program.language)) | values


def _defaults(program: Program, choice: str) -> dict[str, str]:
    choice = choice if choice in (*rules.LANGUAGES, rules.BOTH) else rules.LANGUAGES[0]
    said = rules.languages_of(choice, program.language)
    return {"headline": service.headline_of(program, said[0]), "second": service.headline_of(program, said[-1]), "size": "a4",
            "poster_language": choice, "place": "", "colour": ""}


async def _check(request: Request, values: dict[str, str]) -> None:
    """Raises Invalid, a sentence for each choice."""
    wrong = rules.wrong_choices(values)
    known = {"", rules.SITE} | {each.slug for each in await service.places_of(context(request).db, principal(request).business_id)}
    if values["place"] not in known:
        wrong.append(FieldError("place", "choice", N_("This place is not on your list.")))
    if wrong:
        raise Invalid(fields=wrong)


async def _poster(request: Request, program: Program, values: dict[str, str]) -> Poster:
    here = context(request)
    said = rules.languages_of(values["poster_language"], program.language)
    headlines = dict(zip(said, (values["headline"], values["second"]), strict=False))
    choice = Choice(values["size"], said, headlines, values["place"], values["colour"])
    return await service.poster_of(here.db, here.settings, program, choice)


async def poster_file(request: Request) -> Response:
    """GET /console/poster/poster.{pdf,svg,png} with the same choices: the file whose code was just read back."""
    program, kind = await program_of(request), request.url.path.rpartition(".")[2]
    values = await _choices(request, program)
    await _check(request, values)
    file = await run_in_threadpool(service.hand_out, await _poster(request, program, values), kind)
    name = "-".join(filter(None, ("poster", values["size"], values["place"])))
    return Response(file, media_type=KINDS[kind], headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'})


async def print_page(request: Request) -> Response:
    """GET /console/poster/print with the same choices: the sheet alone on a page, for the browser's own printing."""
    program = await program_of(request)
    values = await _choices(request, program)
    await _check(request, values)
    poster = await _poster(request, program, values)
    picture, reads = await run_in_threadpool(service.drawn, poster)
    if not reads:
        raise rules.CodeUnread()
    return templating.render(request, "console/poster_print.html", {
        "picture": templating.Markup(picture), "form": FORMATS[values["size"]],
        "name": poster.says[0].name, "back_url": f"{POSTER}?{request.url.query}"})


async def add_place(request: Request) -> Response:
    """POST /console/poster/places: a name for a poster or a link, which then is chosen."""
    here, who, program = context(request), principal(request), await program_of(request)
    typed = frame.texts(await frame.form_of(request), "place", "shop")
    name = " ".join(unicodedata.normalize("NFC", typed["place"]).split())
    try:
        shop = here.ids.decode("location", typed["shop"]) or 0 if typed["shop"] else None
        made = await service.add_place(here.db, who, name, slug_of(name), shop, here.clock.now())
    except TesseraError as refused:
        return await _studio(request, program, refused, typed["place"][:200], typed["shop"])
    values = await _choices(request, program) | {"place": made.slug, "program": here.ids.encode("program", program.id)}
    return frame.to(f"{POSTER}?{urlencode(values)}")


async def button_page(request: Request) -> Response:
    """GET /console/poster/button: what to paste into the shop's own site."""
    here, program = context(request), await program_of(request)
    wanted = request.query_params.get("button_language", program.language)
    said = wanted if wanted in rules.LANGUAGES else rules.LANGUAGES[0]
    poster = await service.poster_of(here.db, here.settings, program, Choice("a4", (said,), {said: ""}, rules.SITE))
    drawn = await run_in_threadpool(button.picture, poster.says[0].name, poster.colours, said)
    picture = f"{poster.address.partition('?')[0]}/button.svg?lang={said}"
    return await frame.page(request, "poster_button", {
        "other_programs": await switch_of(request, program, BUTTON), "program_id": here.ids.encode("program", program.id), "said": said,
        "enrol_url": poster.address, "snippet": button.snippet(poster.address, poster.colours, said),
        "picture_snippet": button.picture_snippet(poster.address, picture, said, round(drawn.wide)),
        "picture_path": picture.removeprefix(here.settings.address("")), "picture_wide": round(drawn.wide), "words": button.SAID[said]})


routes = [
    routing.route(POSTER, poster_page, who=frame.PROGRAM_READ, name="console:poster"),
    routing.route(POSTER + "/places", add_place, who=frame.MARKET, name="console:poster_place", methods=["POST"]),
    routing.route(POSTER + "/print", print_page, who=frame.PROGRAM_READ, name="console:poster_print"),
    routing.route(BUTTON, button_page, who=frame.MARKET_READ, name="console:poster_button"),
    *[routing.route(f"{POSTER}/poster.{kind}", poster_file, who=frame.PROGRAM_READ, name=f"console:poster_{kind}") for kind in KINDS],
]
