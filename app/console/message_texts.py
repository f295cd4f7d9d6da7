"""The texts of messages: written by an owner, counted while they are typed, kept only where they will work."""
import json
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.clock import from_ms
from app.console import frame
from app.console.messages import MESSAGES
from app.programs import service as programs
from app.programs import words
from app.programs.store import Business
from app.settings import Settings
from app.sms import rules, texts, wording
from app.sms.texts import Text
from app.staff import service as staff
from app.text import N_
from app.web import formats, routing
from app.web.requests import context, language, principal

TEXTS = MESSAGES + "/texts"
PURPOSES = {"activation": N_("Link to a new card"), "invitation": N_("Invitation"), "card_link": N_("Link to a card"),
            "code": N_("Code for the card’s page"), "till_code": N_("Code for the cashier"),
            "number_notice": N_("Notice to a lost number")}
WHEN = {
    "activation": N_("Goes when a number is typed at the till, on the poster’s page or by a program."),
    "invitation": N_("Goes to people of a list who agreed to it."),
    "card_link": N_("Goes when somebody who has a card asks for it again."),
    "code": N_("Goes when somebody changes what is personal on the card’s page."),
    "till_code": N_("Goes when the shopper confirms a purchase without the code on the screen."),
    "number_notice": N_("Goes to the old number an hour after a manager gave a card another one."),
}
DONE = {"kept": N_("Kept. The next message says it so."), "default": N_("Our own words are back.")}
# As long as real ones.
TOKEN, PAGE_TOKEN, CODE = "4kT9wZb2QpXe", "4kT9wZb2QpXe7hRmV3sYdC", "123456"
COUNTED_PARTS = 10


def sample_link(settings: Settings, purpose: str) -> str:
    """What stands in a message of this purpose where {link} is, as long as a real one."""
    return {"activation": settings.link(f"/a/{TOKEN}"), "invitation": settings.link(f"/a/{TOKEN}"),
            "card_link": settings.link(f"/c/{PAGE_TOKEN}")}.get(purpose, CODE)


def _purpose(request: Request) -> str:
    wish = request.path_params.get("purpose") or request.query_params.get("purpose", "")
    return wish if wish in wording.PURPOSES else "activation"


async def texts_page(request: Request) -> Response:
    """GET /console/messages/texts?purpose="""
    done = DONE.get(request.query_params.get("done", ""), "")
    return await _texts(request, done=frame.said(request, done) if done else "")


async def _texts(request: Request, typed: tuple[str, Text] | None = None, *, done: str = "", wrong: dict[str, str] | None = None,
                 status: int = 200) -> Response:
    """typed: (language, what stands in its form), where a form came back; wrong: of that form."""
    here, who, purpose = context(request), principal(request), _purpose(request)
    business = await programs.get_business(here.db, who.business_id)
    editors = []
    # The language that most messages are in comes first.
    for each in sorted(texts.LANGUAGES, key=lambda code: code != business.language):
        kept = await texts.text_in_use(here.db, who.business_id, purpose, each)
        shown = typed[1] if typed and typed[0] == each else kept
        error = (wrong or {}).get("text", "") if typed and typed[0] == each else ""
        editors.append(await _editor(request, business, purpose, each, shown, kept.is_own, error))
    return await frame.page(request, "messages_texts", {
        "messages_tab": "texts", "editors": editors, "when": frame.said(request, WHEN[purpose]), "purposes": [
            {"url": f"{TEXTS}?purpose={key}", "words": frame.said(request, word), "current": key == purpose}
            for key, word in PURPOSES.items()],
        "purpose_words": frame.said(request, PURPOSES[purpose]), "js": _js(request, business)}, done=done, status=status)


async def _editor(request: Request, business: Business, purpose: str, code: str, shown: Text, is_own: bool, error: str) -> dict[str, Any]:
    """One language's form: what stands in it, how it travels, what it costs, and a shorter one where that saves a part."""
    here = context(request)
    brand, link = business.name_in(code), sample_link(here.settings, purpose)
    counted = wording.count(shown.template, brand, link)
    shorter = wording.shorter(purpose, code, shown.template, brand, link) if counted.size.parts > 1 else None
    return {"language": code, "action": f"{TEXTS}/{purpose}/{code}", "text": shown.template, "two": shown.most_parts == wording.MOST_PARTS,
            "is_own": is_own, "error": error, "brand": brand, "link": link, "says": counted.text,
            "counted": said_of(request, counted, business), "shorter": shorter,
            "shorter_says": wording.filled(shorter, brand, link) if shorter else "",
            "shorter_ones": json.dumps(wording.shorter_ones(purpose, code)), "history": await _history(request, purpose, code)}


def said_of(request: Request, counted: wording.Count, business: Business) -> dict[str, Any]:
    """The three lines below the box: size, what makes it UCS-2, what a further part costs ("" where there is nothing to say)."""
    size, more = counted.size, counted.size.parts > 1
    says = _says(request, business)
    few = len(counted.culprits) <= FEW
    listed = ", ".join(f"“{letter}”" for letter in counted.culprits[:FEW])
    return {"size": says["size"] % {"parts": says["parts"][min(size.parts, COUNTED_PARTS) - 1], "encoding": size.encoding,
                                     "units": size.units, "left": size.left},
            "letters": "" if not counted.culprits else says["letter" if few else "letters"] % {"letters": listed}, "is_stray": few,
            "over": says["over"] % {"parts": says["parts"][min(size.parts, COUNTED_PARTS) - 1]} if more else "", "parts": size.parts}


# So many letters are a slip of the keyboard, more are another alphabet.
FEW = 3


def _says(request: Request, business: Business) -> dict[str, Any]:
    """Sentences with places for numbers; the script fills the very same."""
    price, said = context(request).settings.sms_price_minor, language(request)
    return {
        "parts": [_part(request, count, formats.money(count * price, business.currency, said) if price else "")
                  for count in range(1, COUNTED_PARTS + 1)],
        "size": frame.said(request, N_("%(parts)s. %(encoding)s, %(units)s units, %(left)s left in the part.")),
        "letter": frame.said(request, N_("Because of %(letters)s a part holds 70 characters, not 160.")),
        "letters": frame.said(request, N_("Letters such as %(letters)s: a part holds 70 characters, not 160.")),
        "over": frame.said(request, N_("One message takes %(parts)s."))}


def _part(request: Request, count: int, cost: str) -> str:
    """"1 part, 4.50 ₽", "2 parts"; «2 части, 9 ₽»."""
    counted = words.counted(count, language(request), ("part", "parts"), ("часть", "части", "частей"))
    return f"{counted}, {cost}" if cost else counted


@lru_cache(maxsize=1)
def _alphabet() -> dict[str, str]:
    """The script's tables: the same letters and the same replacements as the server's."""
    return {"basic": "".join(sorted(rules.GSM_BASIC)), "extension": "".join(sorted(rules.GSM_EXTENSION)),
            "plain": json.dumps({chr(code): to or "" for code, to in rules.PLAIN.items()})}


def _js(request: Request, business: Business) -> dict[str, str]:
    return {**_alphabet(), "words": json.dumps(_says(request, business), ensure_ascii=False), "few": str(FEW)}


async def _history(request: Request, purpose: str, code: str) -> list[dict[str, Any]]:
    """What the text was before: at, text and who, newest first; without the one in the box."""
    here, who = context(request), principal(request)
    found = await texts.history_of(here.db, who.business_id, purpose, code)
    names = {each.id: each.name for each in await staff.list_staff(here.db, here.ring, who.business_id)}
    return [{"at": from_ms(each.created_at), "text": each.text, "who": names.get(each.created_by or 0, "")} for each in found]


async def keep_text(request: Request) -> Response:
    """POST /console/messages/texts/{purpose}/{language}: `act` keeps, counts, takes a shorter one or our own words."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    purpose, code, now = request.path_params["purpose"], request.path_params["language"], context(request).clock.now()
    if purpose not in wording.PURPOSES or code not in texts.LANGUAGES:
        raise errors.NotFound()
    typed = frame.texts(form, "text", "two", "act")
    business = await programs.get_business(here.db, who.business_id)
    brand, link = business.name_in(code), sample_link(here.settings, purpose)
    shown = Text(typed["text"], wording.MOST_PARTS if typed["two"] else 1)
    if typed["act"] == "count":
        return await _texts(request, (code, shown))
    if typed["act"] == "default":
        await texts.take_default(here.db, who, purpose, code, now)
        return frame.to(f"{TEXTS}?purpose={purpose}&done=default")
    template = wording.shorter(purpose, code, shown.template, brand, link) if typed["act"] == "shorter" else None
    try:
        await texts.keep_text(here.db, who, purpose, code, template or shown.template, shown.most_parts, brand, link, now)
    except errors.Invalid as refused:
        return await _texts(request, (code, shown), wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(f"{TEXTS}?purpose={purpose}&done=kept")


routes = [
    routing.route(TEXTS, texts_page, who=frame.TEXTS_READ, name="console:message_texts"),
    routing.route(TEXTS + "/{purpose}/{language}", keep_text, who=frame.TEXTS, name="console:keep_message_text", methods=["POST"]),
]
