"""The enrolment link and its poster: chosen in a form whose every choice has an address, seen, downloaded as PDF."""
import re
import unicodedata
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.console import frame
from app.console.founding import slug_of
from app.console.program_frame import program_of, switch_of
from app.designs import service as designs
from app.enrolment import poster
from app.enrolment import service as enrolment
from app.enrolment.poster import Poster
from app.errors import FieldError, Invalid
from app.passes import service as passes
from app.programs import service as programs
from app.programs import words
from app.programs.explain import headline
from app.programs.store import Program
from app.text import N_
from app.web import routing
from app.web.requests import context, principal

POSTER = "/console/poster"
SIZE_WORDS = {"a4": "A4", "a5": "A5", "table": N_("Table")}
HEADLINE_MOST, SOURCE_MOST = 80, 40
LANGUAGES = ("en", "ru")
CHOICES = ("headline", "size", "poster_language", "source")


async def poster_page(request: Request) -> Response:
    """GET /console/poster: the choices of the address, seen; wrong ones come back with a sentence beside the poster as it would be."""
    here, program = context(request), await program_of(request)
    values, wrong = _choices(request, program), {}
    try:
        _check(values)
    except Invalid as refused:
        wrong = frame.sentences_of(request, refused)
    shown = {name: value for name, value in values.items() if name not in wrong}
    shown = {**_defaults(program, shown.get("poster_language", program.language)), **shown}
    view = await passes.sample_view(here.db, program, shown["poster_language"])
    sources = await enrolment.count_by_poster(here.db, principal(request).business_id)
    address, typed_address = await _addresses(request, program, shown["source"])
    return await frame.page(request, "poster", {
        "brand": view.css, "other_programs": await switch_of(request, program, POSTER),
        "program_id": here.ids.encode("program", program.id),
        "view": view, "values": values, "shown": shown, "words": poster.WORDS[shown["poster_language"]],
        "enrol_url": address, "short_url": typed_address,
        "sizes": [(size, frame.said(request, said)) for size, said in SIZE_WORDS.items()],
        "pdf_url": "" if wrong else f"{POSTER}/poster.pdf?{urlencode({**values, 'program': here.ids.encode('program', program.id)})}",
        "code_reads": await run_in_threadpool(poster.code_reads, address),
        "sources": [{"name": name or frame.said(request, N_("The link without a name")), "cards": count} for name, count in sources]},
        wrong=wrong, status=422 if wrong else 200)


def _choices(request: Request, program: Program) -> dict[str, str]:
    """The choices in the address as they were typed; what is missing is filled in."""
    query = request.query_params
    values = {name: " ".join(unicodedata.normalize("NFC", query[name]).split()) for name in CHOICES if query.get(name)}
    known = _defaults(program, values.get("poster_language", program.language))
    # A headline that nobody touched follows the language.
    if values.get("headline") in [headline_of(program, language) for language in LANGUAGES]:
        del values["headline"]
    return known | values


def _defaults(program: Program, language: str) -> dict[str, str]:
    language = language if language in LANGUAGES else LANGUAGES[0]
    return {"headline": headline_of(program, language), "size": "a4", "poster_language": language, "source": ""}


def headline_of(program: Program, language: str) -> str:
    """What a passer-by wants to know, in one line made from the rules: "5 points for every 100 ₽"."""
    said = headline(program.rules, program.currency, language) or program.business_name_in(language)
    return said.replace(words.SPACE, " ")[:HEADLINE_MOST]


def _check(values: dict[str, str]) -> None:
    """Raises Invalid, a sentence for each choice."""
    wrong = []
    for name, offered in (("size", tuple(SIZE_WORDS)), ("poster_language", LANGUAGES)):
        if values[name] not in offered:
            wrong.append(FieldError(name, "choice", N_("Choose one of the sizes and languages that are offered.")))
    for name, most, sentence in (("headline", HEADLINE_MOST, N_("A headline has at most 80 letters.")),
                                 ("source", SOURCE_MOST, N_("The name of a place has at most 40 letters."))):
        if len(values[name]) > most or not values[name].isprintable():
            wrong.append(FieldError(name, "too_long", sentence))
    if wrong:
        raise Invalid(fields=wrong)


async def _addresses(request: Request, program: Program, source: str) -> tuple[str, str]:
    """(the address in the code, the same for people to type). `from` counts what a poster brings."""
    settings = context(request).settings
    business = await programs.get_business(context(request).db, program.business_id)
    mark = f"?from={slug_of(source)}" if source else ""
    return settings.address(f"/e/{business.slug}/{program.slug}{mark}"), re.sub(r"^https?://", "", settings.address(f"/e/{business.slug}"))


async def poster_pdf(request: Request) -> Response:
    """GET /console/poster/poster.pdf with the same choices."""
    here, program = context(request), await program_of(request)
    values = _choices(request, program)
    _check(values)
    drawing = await designs.drawing_of(here.db, program)
    content, own = drawing.content, drawing.pictures.files
    address, shown = await _addresses(request, program, values["source"])
    sheet = Poster(content.words(values["poster_language"]).name, values["headline"], address, shown, values["poster_language"],
                   values["size"], content.colours(), own.get("strip@3x.png"), own.get("logo@3x.png"))
    return Response(await run_in_threadpool(poster.draw, sheet), media_type="application/pdf",
                    headers={"Content-Disposition": f'attachment; filename="poster-{values["size"]}.pdf"'})


routes = [
    routing.route(POSTER, poster_page, who=frame.MANAGER, name="console:poster"),
    routing.route(POSTER + "/poster.pdf", poster_pdf, who=frame.MANAGER, name="console:poster_pdf"),
]
