"""New words of a document, on the card's page: who agreed to earlier ones is asked once more, and the card works meanwhile as before."""
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.card_pages import frame
from app.card_pages.frame import Visit
from app.customers import documents
from app.customers.documents import Document
from app.db import Database, Transaction, write_transaction
from app.programs import service as programs
from app.web.forms import FORM_CAP, read_form, text_field
from app.web.principal import shopper
from app.web.routing import link, route

DONE, TERMS = "agreed", "terms"


async def shown(visit: Visit) -> dict[str, Any] | None:
    """For the card's page (parts/again.html): the first document that waits for an answer; what comes after it waits for its turn.

    text, title, url: of the whole document or ""; read: which words these are; is_needed: no card without it.
    """
    asked = await _asked(visit, visit.here.db)
    if not asked:
        return None
    slug = (await programs.get_business(visit.here.db, visit.card.business_id)).slug
    return {"text": asked[0].text, "title": asked[0].title, "url": documents.address_of(slug, asked[0]) if asked[0].long_text else "",
            "read": documents.mark_of(asked[:1]), "is_needed": asked[0].purpose == TERMS, "action": visit.path("/agree")}


async def _asked(visit: Visit, reader: Database | Transaction) -> list[Document]:
    """On an active card, by its own link alone: whoever was shown the pass link agrees to nothing in another's name."""
    card = visit.card
    if card.customer_id is None or card.status != "active" or visit.opened.strength != "card":
        return []
    return await documents.new_words(reader, card.business_id, card.customer_id, visit.language)


async def agree(request: Request) -> Response:
    """POST /c/{token}/agree: a yes or a no to the words that stood there; to others, and to what needs no answer, nothing is kept."""
    visit, form = await frame.arrive_to_act(request), await read_form(request)
    read, said, card = text_field(form, "read", FORM_CAP), text_field(form, "agree", FORM_CAP), visit.card

    async def act(tx: Transaction) -> bool:
        found = next((each for each in await _asked(visit, tx) if documents.mark_of([each]) == read), None)
        # Without the terms there is no card: whoever does not want them leaves, and is not taken at a "no" that a form made up.
        if found is None or card.customer_id is None or said not in (("1",) if found.purpose == TERMS else ("1", "0")):
            return False
        await documents.answer(tx, shopper(card.business_id, card.customer_id), card.customer_id, {found.purpose: said == "1"},
                               visit.language, "card_page", visit.now)
        return True

    is_kept = await write_transaction(visit.here.db, act)
    return RedirectResponse(visit.path(f"?done={DONE}#agreed" if is_kept else ""), 303)


routes = [
    route("/c/{token}/agree", agree, who=link, name="card-pages:agree", methods=["POST"]),
]
