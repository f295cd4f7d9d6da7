"""/c/{token}/messages: what the person wants to hear about and how. Everything is off until they agree, in words that they can read."""
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.card_pages import frame, service
from app.card_pages.frame import Visit
from app.customers import documents, topics
from app.db import Transaction, write_transaction
from app.profiles import rules
from app.text import N_
from app.web import i18n
from app.web.forms import read_form
from app.web.principal import shopper
from app.web.routing import link, route

AGREE_FIRST = N_("Tick that you agree, or leave everything off.")


async def messages(request: Request) -> Response:
    """GET /c/{token}/messages"""
    visit = await frame.arrive(request)
    if visit.card.customer_id is None or not await frame.is_confirmed(visit):
        return frame.to_code(visit, "messages")
    return await _page(visit)


async def _page(visit: Visit, chosen: set[str] | None = None, error: str = "") -> Response:
    """chosen: the names of what was ticked just now; None: as it is kept."""
    here, card = visit.here, visit.card
    assert card.customer_id is not None
    contact = await service.contact_of(here.db, here.ring, card)
    wishes = await topics.wishes_of(here.db, card.business_id, card.customer_id)
    channels, about = rules.switches(wishes, rules.reachable(contact.e164 is not None, contact.email is not None))
    document = await documents.current_of(here.db, card.business_id, "marketing", visit.language)
    return await frame.page(visit, "profiles/messages.html", {
        "consented": await topics.has_consented(here.db, card.business_id, card.customer_id),
        "channels": [(channel, wanted if chosen is None else channel in chosen) for channel, wanted in channels.items()],
        "topics": [(rules.field_of(topic), topic.name_in(visit.language), wanted if chosen is None else rules.field_of(topic) in chosen)
                   for topic, wanted in about],
        "document": document, "action": visit.path("/messages"), "stop_action": visit.path("/messages/stop"), "error": error,
        "profile_url": visit.path("/profile"), "done": visit.request.query_params.get("done") == "saved"}, status=422 if error else 200)


async def save(request: Request) -> Response:
    """POST /c/{token}/messages: the ticks. Without a consent something may be on only together with one that is given right here."""
    visit = await frame.arrive_to_act(request)
    card = visit.card
    if card.customer_id is None or not await frame.is_confirmed(visit):
        raise service.NotConfirmed()
    customer_id, who, form = card.customer_id, shopper(card.business_id, card.customer_id), await read_form(request)
    known = await topics.topics_of(visit.here.db, card.business_id)
    ticked = rules.ticked(form, [*topics.CHANNELS, *(rules.field_of(topic) for topic in known)])
    consented, agrees = await topics.has_consented(visit.here.db, card.business_id, customer_id), bool(form.get("marketing"))
    if ticked & set(topics.CHANNELS) and not (consented or agrees):
        return await _page(visit, ticked, i18n.translate(visit.language, AGREE_FIRST))
    contact = await service.contact_of(visit.here.db, visit.here.ring, card)
    channels = rules.reachable(contact.e164 is not None, contact.email is not None)

    async def act(tx: Transaction) -> None:
        if agrees and not consented:
            channel = "card_page" if visit.opened.strength == "card" else "pass_back"
            await documents.answer(tx, who, customer_id, {"marketing": True}, visit.language, channel, visit.now)
        for channel in channels if consented or agrees else ():
            await topics.set_wish(tx, who, customer_id, None, channel, channel in ticked, visit.now)
            for topic in known:
                await topics.set_wish(tx, who, customer_id, topic.id, channel, rules.field_of(topic) in ticked, visit.now)

    await write_transaction(visit.here.db, act)
    return RedirectResponse(visit.path("/messages?done=saved"), 303)


async def stop(request: Request) -> Response:
    """POST /c/{token}/messages/stop: the consent is taken back; as on the card's page, the link is enough."""
    visit = await frame.arrive_to_act(request)
    await service.set_marketing(visit.here.db, visit.opened, False, visit.language, visit.now)
    return RedirectResponse(visit.path("/messages?done=saved"), 303)


routes = [
    route("/c/{token}/messages", messages, who=link, name="profiles:messages"),
    route("/c/{token}/messages", save, who=link, name="profiles:save-messages", methods=["POST"]),
    route("/c/{token}/messages/stop", stop, who=link, name="profiles:stop", methods=["POST"]),
]
