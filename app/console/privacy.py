"""What a business promises its shoppers about their data: topics, how long things are kept, who was forgotten, and what a person read."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.cards import service as cards
from app.clock import rfc3339
from app.console import customers as customer_pages
from app.console import frame
from app.customers import documents, topics
from app.customers import service as customers
from app.db import write_transaction
from app.privacy import policy, retention
from app.privacy import store as privacy
from app.staff import service as staff
from app.text import N_
from app.web import routing
from app.web.i18n import LANGUAGES
from app.web.requests import context, language, principal

PRIVACY = "/console/privacy"
TOPICS, RETENTION, ERASURES = f"{PRIVACY}/topics", f"{PRIVACY}/retention", f"{PRIVACY}/erasures"
NAMES = tuple(f"name_{code}" for code in LANGUAGES)
SHOWN = 50
DONE = {"added": N_("The topic is there. Shoppers who agreed to news find it on their page."), "renamed": N_("The topic has its new name."),
        "closed": N_("Nothing is sent about that topic any more."), "kept": N_("Kept. The next daily run goes by it.")}
CHANNELS = {"activation": N_("activation page"), "card_page": N_("card page"), "pass_back": N_("link on the pass"), "api": N_("web shop"),
            "till": N_("till"), "profile": N_("profile"), "console": N_("console"), "sms": N_("text message")}
ACTORS = {"shopper": N_("the shopper"), "staff": N_("staff"), "api_key": N_("API key"), "system": N_("the server")}
NOT_DAYS = N_("Type a whole number of days, or leave the field empty.")


def told(request: Request) -> str:
    done = DONE.get(request.query_params.get("done", ""), "")
    return frame.said(request, done) if done else ""


# Topics.
async def topics_page(request: Request) -> Response:
    """GET /console/privacy/topics"""
    return await _topics(request, done=told(request))


async def _topics(request: Request, typed: dict[str, str] | None = None, *, done: str = "", wrong: dict[str, str] | None = None,
                  status: int = 200) -> Response:
    here, who = context(request), principal(request)
    found = await topics.topics_of(here.db, who.business_id)
    return await frame.page(request, "privacy_topics", {
        "topics": [{"key": each.key, "name": each.name_in(language(request)), "names": dict(each.names), "action": f"{TOPICS}/{each.key}"}
                   for each in found], "action": TOPICS, "typed": dict.fromkeys(("key", *NAMES), "") | (typed or {})},
        done=done, wrong=wrong, status=status)


async def add_topic(request: Request) -> Response:
    """POST /console/privacy/topics"""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    typed = frame.texts(form, "key", *NAMES)
    try:
        await write_transaction(here.db, lambda tx: topics.add_topic(tx, who, typed["key"], _names(typed), here.clock.now()))
    except errors.Invalid as refused:
        return await _topics(request, typed, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(f"{TOPICS}?done=added")


def _names(typed: dict[str, str]) -> dict[str, str]:
    return {code: typed[f"name_{code}"] for code in LANGUAGES}


async def _topic(request: Request) -> topics.Topic:
    """The topic of the address. Raises NotFound."""
    found = await topics.topics_of(context(request).db, principal(request).business_id)
    for each in found:
        if each.key == request.path_params["topic"]:
            return each
    raise errors.NotFound()


async def rename_topic(request: Request) -> Response:
    """POST /console/privacy/topics/{topic}"""
    here, who, form, topic = context(request), principal(request), await frame.form_of(request), await _topic(request)
    try:
        await write_transaction(here.db, lambda tx: topics.rename_topic(
            tx, who, topic.id, _names(frame.texts(form, *NAMES)), here.clock.now()))
    except errors.Invalid as refused:
        return await _topics(request, wrong={"": next(iter(frame.sentences_of(request, refused).values()))}, status=422)
    return frame.to(f"{TOPICS}?done=renamed")


async def close_topic(request: Request) -> Response:
    """POST /console/privacy/topics/{topic}/close"""
    here, who = context(request), principal(request)
    await frame.form_of(request)
    topic = await _topic(request)
    await write_transaction(here.db, lambda tx: topics.close_topic(tx, who, topic.id, here.clock.now()))
    return frame.to(f"{TOPICS}?done=closed")


# How long things are kept.
async def retention_page(request: Request) -> Response:
    """GET /console/privacy/retention"""
    return await _retention(request, done=told(request))


async def _retention(request: Request, typed: dict[str, str] | None = None, *, done: str = "", wrong: dict[str, str] | None = None,
                     status: int = 200) -> Response:
    chosen = await retention.of_business(context(request).db, principal(request).business_id)
    rows = [{"key": row.key, "what": frame.said(request, row.what), "since": frame.said(request, row.since), "days": row.days,
             "does": frame.said(request, policy.DOES[row.does]), "is_open": row.is_open, "least": row.least, "most": row.most,
             "value": (typed or {}).get(row.key, str(chosen.get(row.key, "")))} for row in policy.TABLE]
    return await frame.page(request, "privacy_retention", {
        "rows": rows, "kept": [frame.said(request, sentence) for sentence in policy.KEPT], "action": RETENTION},
        done=done, wrong=wrong, status=status)


async def choose_retention(request: Request) -> Response:
    """POST /console/privacy/retention: all open rows at once; an empty field is the general length."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    typed = frame.texts(form, *(row.key for row in policy.TABLE if row.is_open))
    wrong = {key: frame.said(request, NOT_DAYS) for key, text in typed.items() if text and not (text.isascii() and text.isdigit())}
    if wrong:
        return await _retention(request, typed, wrong=wrong, status=422)

    async def act(tx: Any) -> None:
        before = await retention.of_business(here.db, who.business_id)
        for key, text in typed.items():
            days = int(text[:6]) if text else None
            if before.get(key) != days:
                await retention.choose(tx, who, key, days, here.clock.now())

    try:
        await write_transaction(here.db, act)
    except errors.Invalid as refused:
        return await _retention(request, typed, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(f"{RETENTION}?done=kept")


# Who was forgotten.
async def erasures_page(request: Request) -> Response:
    """GET /console/privacy/erasures"""
    here, who = context(request), principal(request)
    before = here.ids.decode("erasure", request.query_params.get("before", ""))
    found = await privacy.erasures(here.db, who.business_id, SHOWN + 1, before)
    return await frame.page(request, "privacy_erasures", {
        "erasures": [{"url": f"{ERASURES}/{here.ids.encode('erasure', each.id)}", "at": each.at,
                      "customer": here.ids.encode("customer", each.customer_id), "cards": each.cards,
                      "who": await _who(request, each.actor_kind, each.actor_id)} for each in found[:SHOWN]],
        "next_url": f"{ERASURES}?before={here.ids.encode('erasure', found[SHOWN - 1].id)}" if len(found) > SHOWN else "",
        "first_url": ERASURES if before else ""})


async def erasure_page(request: Request) -> Response:
    """GET /console/privacy/erasures/{erasure}: the act, to be printed and signed."""
    here, who = context(request), principal(request)
    found = await privacy.erasure(here.db, who.business_id, frame.own_id(request, "erasure", "erasure"))
    if found is None:
        raise errors.NotFound()
    return await frame.page(request, "privacy_erasure", {
        "erasure": {"number": here.ids.encode("erasure", found.id), "customer": here.ids.encode("customer", found.customer_id),
                    "at": found.at, "exactly": rfc3339(found.at), "since": found.since, "cards": found.cards,
                    "who": await _who(request, found.actor_kind, found.actor_id),
                    "removed": sorted(found.removed.items())}, "list_url": ERASURES})


async def _who(request: Request, kind: str, actor_id: int | None) -> str:
    here, who = context(request), principal(request)
    if kind == "staff" and actor_id is not None:
        for member in await staff.list_staff(here.db, here.ring, who.business_id):
            if member.id == actor_id:
                return member.name
    return frame.said(request, ACTORS.get(kind, ACTORS["system"]))


# What a person read.
async def consents_page(request: Request) -> Response:
    """GET /console/cards/{card}/consents: every answer with the very text that was read, to be printed (goal N1)."""
    here, who = context(request), principal(request)
    card = await cards.get_card(here.db, who.business_id, frame.own_id(request, "card", "card"))
    if card.customer_id is None:
        raise errors.NotFound()
    person = await customers.get(here.db, here.ring, who.business_id, card.customer_id)
    names = {each.key: each.name_in(language(request)) for each in await documents.purposes_of(here.db, who.business_id)}
    given = await documents.given_by(here.db, who.business_id, card.customer_id)
    again = await documents.to_ask_again(here.db, who.business_id, card.customer_id)
    return await frame.page(request, "privacy_consents", {
        "person": {"name": person.name or "", "phone": person.phone_masked or "", "id": here.ids.encode("customer", person.id)},
        "card_url": customer_pages.address(request, card), "number": card.number,
        "again": [names.get(purpose, purpose) for purpose in again],
        "given": [{"purpose": names.get(each.document.purpose, each.document.purpose), "granted": each.granted, "at": each.at,
                   "exactly": rfc3339(each.at),
                   "channel": frame.said(request, CHANNELS[each.channel]) if each.channel in CHANNELS else each.channel,
                   "who": await _who(request, each.actor_kind, each.actor_id), "document": each.document,
                   "is_elsewhere": each.document.language not in LANGUAGES, "sha256": each.document.sha256.hex()} for each in given]})


routes = [
    routing.route(TOPICS, topics_page, who=frame.OWNER_READ, name="console:topics"),
    routing.route(TOPICS, add_topic, who=frame.OWNER, name="console:add_topic", methods=["POST"]),
    routing.route(TOPICS + "/{topic}", rename_topic, who=frame.OWNER, name="console:rename_topic", methods=["POST"]),
    routing.route(TOPICS + "/{topic}/close", close_topic, who=frame.OWNER, name="console:close_topic", methods=["POST"]),
    routing.route(RETENTION, retention_page, who=frame.OWNER_READ, name="console:retention"),
    routing.route(RETENTION, choose_retention, who=frame.OWNER, name="console:choose_retention", methods=["POST"]),
    routing.route(ERASURES, erasures_page, who=frame.OWNER_READ, name="console:erasures"),
    routing.route(ERASURES + "/{erasure}", erasure_page, who=frame.OWNER_READ, name="console:erasure"),
    routing.route("/console/cards/{card}/consents", consents_page, who=frame.PART_READ, name="console:consents"),
]
