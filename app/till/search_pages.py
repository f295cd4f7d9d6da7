"""A shopper without card and phone at hand, found by a surname or the last four digits in a list that tells little and is noted."""
from collections.abc import Sequence
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.audit import service as audit
from app.cards import rules as card_rules
from app.cards import service as cards
from app.context import Context
from app.customers import service as customers
from app.db import Transaction, write_transaction
from app.limits import service as limits
from app.limits.rules import Limit
from app.privacy import reads
from app.text import N_
from app.till import desk as desks
from app.till import finding, typed
from app.till.desk import Desk
from app.web import i18n, routing, templating
from app.web.forms import check_forgery, csrf_token, read_form, text_field
from app.web.principal import Principal
from app.web.problems import status_of
from app.web.requests import context, language, principal

KIND, SEARCH, TILL = "till", "/till/search", "/till"
MOST_SHOWN, LEAST_LETTERS = 8, 2
SEARCHES, WINDOW_SECONDS = 20, 600      # of one person: a queue in a bad hour, and no way through the list of customers
TOO_SHORT = N_("Type the last four digits of the phone, or at least two letters of the surname.")


def masked_name(name: str) -> str:
    """The first word, and of the others their first letter: enough to ask "are you Anna?", too little to copy."""
    first, *others = name.split()
    return " ".join([first, *(f"{word[0]}." for word in others)])


def sort_of(text: str) -> str:
    """last_four, name, or "" for what nobody is looked for by."""
    plain = "".join(text.split())
    if plain.isascii() and plain.isdigit():
        return "last_four" if len(plain) == 4 else ""
    return "name" if sum(sign.isalpha() for sign in plain) >= LEAST_LETTERS and not any(sign.isdigit() for sign in plain) else ""


async def search_page(request: Request) -> Response:
    """GET /till/search"""
    return await _page(request)


async def search(request: Request) -> Response:
    """POST /till/search: `q`; nothing that is looked for stands in an address."""
    here, who, form = context(request), principal(request), await read_form(request)
    check_forgery(request, form, KIND)
    text, now = text_field(form, "q", 64), context(request).clock.now()
    sort = sort_of(text)
    if not sort:
        return await _page(request, text, error=i18n.translate(language(request), TOO_SHORT), status=422)
    desk = await desks.desk_of(here, who, language(request))
    try:
        found = await _search(here, desk, sort, text, now)
    except errors.TooMany as refused:
        answer = await _page(request, text, error=typed.said(request, refused), status=status_of(refused))
        answer.headers["Retry-After"] = str(refused.retry_after)
        return answer
    return await _page(request, text, found=found)


async def _search(here: Context, desk: Desk, sort: str, text: str, now: datetime) -> list[dict[str, str]]:
    """One more than is shown, at most. Raises LimitReached."""
    who, limit = desk.who, Limit("till.search", f"{desk.who.kind}:{desk.who.id}", WINDOW_SECONDS, SEARCHES)
    people = await customers.search(here.db, here.ring, who.business_id, text, desk.program.country, MOST_SHOWN + 1)

    async def act(tx: Transaction) -> None:
        await limits.hit(tx, [limit], now)
        await audit.record(tx, who, "customer.searched", details={"by": sort, "found": len(people)}, now=now)

    await write_transaction(here.db, act)
    return await _rows(here, who, people, now)


async def _rows(here: Context, who: Principal, people: Sequence[customers.Customer], now: datetime) -> list[dict[str, str]]:
    rows = []
    for person in people:
        for card in await cards.cards_of_customer(here.db, who.business_id, person.id):
            if card.status in card_rules.LIVE and (who.program_ids is None or card.program_id in who.program_ids):
                reads.note(here.db, who, [card.id], now)
                rows.append({"url": finding.card_url(here, card), "name": masked_name(person.name) if person.name else "",
                             "phone": (person.phone_masked or "")[-4:], "number_end": card.number[-4:], "status": card.status})
    return rows


async def _page(request: Request, text: str = "", *, found: list[dict[str, str]] | None = None, error: str = "",
                status: int = 200) -> Response:
    """found: None before anything was looked for."""
    here = context(request)
    desk = await desks.desk_of(here, principal(request), language(request))
    return templating.render(request, "till/search.html", {
        "place": desk.place, "who": desk.who.name, "till_url": TILL, "action": SEARCH, "csrf_token": csrf_token(request, KIND), "q": text,
        "found": None if found is None else found[:MOST_SHOWN], "has_more": bool(found and len(found) > MOST_SHOWN), "error": error},
        status=status)


CASHIER = routing.staff(KIND, "cashier")
routes = [
    routing.route(SEARCH, search_page, who=CASHIER, name="till:search"),
    routing.route(SEARCH, search, who=CASHIER, name="till:searching", methods=["POST"]),
]
