"""The look of the card: colours and words in a form beside a preview that is drawn from the pass's own description."""
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from app.cards import service as cards
from app.console import design_wallet, frame
from app.console.program_frame import program_of, switch_of
from app.designs import rules as design_rules
from app.designs import service as designs
from app.designs.rules import CardWords, DesignContent
from app.errors import Invalid
from app.passes import service as passes
from app.text import N_
from app.updates import spreads
from app.updates.spreads import Progress
from app.web import routing
from app.web.forms import text_field
from app.web.requests import context, principal

DESIGN = "/console/design"
LANGUAGES = ("en", "ru")
WORDS = ("name", "points", "logo_text", "about")
COLOURS = ("background", "label", "text", "accent")


async def design_page(request: Request) -> Response:
    """GET /console/design"""
    program = await program_of(request)
    done = frame.said(request, N_("Published. Phones get it within minutes.")) if "done" in request.query_params else ""
    shown = await designs.content_of(context(request).db, program)
    return await _design(request, shown, values_of(shown, program.time_zone), done=done)


def values_of(content: DesignContent, zone: str) -> dict[str, str]:
    """The design as the form shows it; zone: of the times in it."""
    values = {f"{language}.{word}": getattr(content.words(language), word) for language in LANGUAGES for word in WORDS}
    colours = {colour: getattr(content, colour) or "" for colour in COLOURS}
    return values | colours | {"language": content.language} | design_wallet.values_of(content.wallet, zone)


async def _design(request: Request, shown: DesignContent, values: dict[str, str], *, done: str = "",
                  wrong: dict[str, str] | None = None) -> Response:
    here, program = context(request), await program_of(request)
    view_en, view_ru = [await passes.sample_of(here.db, shown, program, language) for language in LANGUAGES]
    counts = await cards.count(here.db, program.business_id)
    return await frame.page(request, "design", {
        "action": f"{DESIGN}?program={here.ids.encode('program', program.id)}", "other_programs": await switch_of(request, program, DESIGN),
        "brand": view_en.css, "view_en": view_en, "view_ru": view_ru, "values": values,
        "barcodes": design_wallet.BARCODES, "spans": design_wallet.SPANS,
        "action_words": [(key, frame.said(request, words)) for key, words in design_wallet.ACTION_WORDS],
        "spread": _told(request, await spreads.progress(here.db, program.business_id, program.id)),
        "cards_count": counts.get("active", 0) + counts.get("blocked", 0),
        "corrections": [frame.said(request, each.sentence, **each.params) for each in shown.colours().corrections]},
        done=done, wrong=wrong, status=422 if wrong else 200)


def _told(request: Request, progress: Progress | None) -> str:
    """How far the last change of the programme has come, in a sentence; "" where no wallet holds a card."""
    if progress is None or not progress.total:
        return ""
    if progress.finished_at is not None:
        return frame.said(request, N_("Every card in a wallet has been told of the last change: %(total)d."), total=progress.total)
    return frame.said(request, N_("The last change is on its way: %(told)d of %(total)d cards in wallets have been told so far."),
                      told=progress.told, total=progress.total)


def content_of(values: dict[str, str], zone: str, shown: DesignContent) -> DesignContent:
    """The design that a form means, in place of `shown`; its pictures are another page's. Raises Invalid, a sentence for each field."""
    words = {language: CardWords(**{word: values[f"{language}.{word}"].replace("\r\n", "\n") for word in WORDS}) for language in LANGUAGES}
    colours = {colour: values[colour].lower() or None for colour in COLOURS}
    content = DesignContent(en=words["en"], ru=words["ru"], background=colours["background"] or "", label=colours["label"] or "",
                            text=colours["text"], accent=colours["accent"], language="ru" if values["language"] == "ru" else "en",
                            pictures=shown.pictures, wallet=design_wallet.extras_of(values, zone, shown.wallet))
    design_rules.validate(content)
    return content


def _typed(form: FormData) -> dict[str, str]:
    names = [f"{language}.{word}" for language in LANGUAGES for word in WORDS]
    return design_wallet.moved_up({name: text_field(form, name, 5_000) for name in (*names, *COLOURS, "language", *design_wallet.NAMES)})


async def publish(request: Request) -> Response:
    """POST /console/design: a new version, which every phone with the card is told of."""
    here, form = context(request), await frame.form_of(request)
    program, typed = await program_of(request), _typed(form)
    shown = await designs.content_of(here.db, program)
    try:
        content = content_of(typed, program.time_zone, shown)
    except Invalid as refused:
        # Said on top too: the field may lie far below.
        wrong = {"": frame.said(request, refused.detail), **frame.sentences_of(request, refused)}
        return await _design(request, shown, typed, wrong=wrong)
    if content != shown:
        await passes.publish_design(here.db, principal(request), program.id, content, here.clock.now())
    return frame.to(f"{DESIGN}?program={here.ids.encode('program', program.id)}&done=1")


routes = [
    routing.route(DESIGN, design_page, who=frame.PROGRAM_READ, name="console:design"),
    routing.route(DESIGN, publish, who=frame.LOOK, name="console:publish", methods=["POST"]),
]
