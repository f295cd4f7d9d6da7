"""Cards and the people who hold them: search, one card, what may be done with it."""
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from app import errors, secrets
from app.audit import service as audit
from app.cards import rules as card_rules
from app.cards import service as cards
from app.cards.service import Card
from app.clock import from_ms
from app.console import answers, frame, levels, words
from app.console.today import rows_of
from app.customers import documents
from app.customers import service as customers
from app.db import Transaction, write_transaction
from app.enrolment import service as enrolment
from app.google import service as google
from app.idempotency.rules import Key, fingerprint
from app.ledger import service as ledger
from app.ledger.shown import UNITS
from app.money import parse_major
from app.privacy import reads
from app.programs import service as programs
from app.programs import words as program_words
from app.registrations import service as registrations
from app.reports import service as reports
from app.reports.service import CardRow
from app.sales import approvals
from app.sales import service as sales
from app.sms import delivered
from app.sms import service as sms
from app.text import N_
from app.web import formats, routing
from app.web.forms import text_field
from app.web.requests import context, language, principal

CUSTOMERS, CARDS = "/console/customers", "/console/cards"
STATUSES, SORTS = ("active", "provisional", "blocked"), ("last", "balance", "visits")
SHOWN_OPERATIONS, SHOWN_REPORTS, SOON = 30, 10, timedelta(days=60)
LISTED = ("stamps", "visits")
FIELDS = ("points", "reason", "unit", *levels.FIELDS)
DONE = {"block": N_("The card is blocked. Its pass is void until you unblock it."), "unblock": N_("The card works again."),
        "reissue": N_("The card has a new code. The old one stopped working at once."), "adjust": N_("The balance is corrected."),
        "asked": N_("It waits for a second pair of eyes: another manager agrees under Operations."),
        "merge": N_("The cards are one now. The other number leads here."),
        "number": N_("The card has the new number. The old one is told in an hour."),
        "replace": N_("This is the new card. The old one is void; the points came along."),
        "resend": N_("A new link is on its way to the number."),
        "erase": N_("This person is forgotten. What they held has ended; the operations stay and point to nobody."), **levels.DONE}


async def customers_page(request: Request) -> Response:
    """GET /console/customers: all cards by ?status=, ?sort= and ?page=, or those that ?q= finds."""
    here, who, query = context(request), principal(request), request.query_params
    text, status = query.get("q", "").strip()[:64], query.get("status", "") if query.get("status") in STATUSES else ""
    sort, number = query.get("sort", "last") if query.get("sort") in SORTS else "last", _page_number(query.get("page", "0"))
    if text:
        rows, more = await _searched(request, text), False
    else:
        rows, more = await reports.list_cards(here.db, who.business_id, status=status or None, sort=sort, page=number,
                                              program_ids=who.program_ids)
    counts = await reports.count_cards(here.db, who.business_id, who.program_ids)
    keep = f"sort={sort}" + (f"&status={status}" if status else "")
    return await frame.page(request, "customers", {
        "q": text, "status": status, "sort": sort, "counts": {each: counts.get(each, 0) for each in ("", *STATUSES)},
        "cards": await _shown(request, rows), "shown": len(rows), "next_url": f"{CUSTOMERS}?{keep}&page={number + 1}" if more else "",
        "first_url": f"{CUSTOMERS}?{keep}" if number else ""})


def _page_number(text: str) -> int:
    return min(int(text), 100_000) if text.isascii() and text.isdigit() and len(text) < 7 else 0


async def _searched(request: Request, text: str) -> list[CardRow]:
    """Cards by code, number, old number, phone, last four digits or name."""
    here, who = context(request), principal(request)
    business = await programs.get_business(here.db, who.business_id)
    found = await cards.find(here.db, here.ring, who, text, business.country, here.clock.now())
    ids = [card.id for card in found.cards]
    for person in await customers.search(here.db, here.ring, who.business_id, text, business.country):
        ids += [card.id for card in await cards.cards_of_customer(here.db, who.business_id, person.id)
                if who.reaches(program_id=card.program_id)]
    return await reports.cards_of(here.db, who.business_id, list(dict.fromkeys(ids)))


async def _shown(request: Request, rows: list[CardRow]) -> list[dict[str, Any]]:
    here, who = context(request), principal(request)
    people = await customers.get_many(here.db, here.ring, who.business_id, {row.customer_id for row in rows if row.customer_id is not None})
    reads.note(here.db, who, [row.id for row in rows], here.clock.now())
    shown = []
    for row in rows:
        person = people.get(row.customer_id) if row.customer_id is not None else None
        shown.append({"url": f"{CARDS}/{here.ids.encode('card', row.id)}", "name": (person.name if person else None) or "",
                      "phone": (person.phone_masked if person else None) or "", "number_end": row.number[-4:], "status": row.status,
                      "balance": row.balance, "last_at": row.last_at, "visits": row.visits})
    return shown


async def card_page(request: Request) -> Response:
    """GET /console/cards/{card}"""
    done = DONE.get(request.query_params.get("done", ""), "")
    return await shown_card(request, await _own_card(request), done=frame.said(request, done) if done else "")


async def _own_card(request: Request) -> Card:
    return await cards.get_card(context(request).db, principal(request).business_id, frame.own_id(request, "card", "card"))


async def shown_card(request: Request, card: Card, *, done: str = "", page_link: str = "", typed: dict[str, str] | None = None,
                wrong: dict[str, str] | None = None, key: str = "", status: int = 200) -> Response:
    here, now = context(request), context(request).clock.now()
    reads.note(here.db, principal(request), [card.id], now)
    person = await customers.get(here.db, here.ring, card.business_id, card.customer_id) if card.customer_id else None
    program = await programs.get_program(here.db, card.business_id, card.program_id)
    held = await ledger.shown(here.db, card.account_id, now)
    soon = await ledger.next_end(here.db, card.account_id, now, program.rules.unit, within=SOON)
    history = await sales.list_operations(here.db, principal(request), account_id=card.account_id,
                                          location_id=principal(request).kept_location_id, limit=SHOWN_OPERATIONS)
    successor = await cards.get_card(here.db, card.business_id, card.replaced_by) if card.replaced_by else None
    return await frame.page(request, "card", {
        "card": {"number": card.number, "status": card.status, "name": (person.name if person else None) or "",
                 "phone": (person.phone_masked if person else None) or "", "since": card.created_at,
                 "source": frame.said(request, words.SOURCES[card.source]) if card.source in words.SOURCES else "",
                 "wallets": await registrations.count_devices(here.db, card.business_id, card.id)
                 + await google.count_held(here.db, card.business_id, card.id),
                 "successor": _link_of(request, successor) if successor else None,
                 **await _balances(request, card, program, held)},
        "expiring": {"text": program_words.amount(soon.amount, soon.unit, program.currency, language(request)), "at": soon.at}
        if soon else None, "page_link": page_link,
        **await _agreed(request, card), "told": await answers.told(request, card),
        "message": await _message(request, card), "history": await rows_of(request, history.items),
        "next_url": f"/console/operations?q={card.number}" if history.next else "",
        "reports": await _reports(request, card), "actions": _actions(request, card), "key": key or secrets.new_token(22),
        "typed": dict.fromkeys(FIELDS, "") | (typed or {}), "own": address(request, card),
        **await levels.held(request, card, program, held)}, done=done, wrong=wrong, status=status)


async def _message(request: Request, card: Card) -> dict[str, Any] | None:
    """What became of the message to whoever a provisional card waits for: words, code (the carrier's own), at, is_bad."""
    here = context(request)
    waits = await enrolment.find_of_card(here.db, card) if card.status == "provisional" else None
    found = await sms.delivery_of(here.db, waits) if waits else None
    return None if found is None else {"words": frame.said(request, delivered.sentence(found.state, found.why)), "code": found.code,
                                       "at": from_ms(found.at), "is_bad": found.state == "failed"}


async def _agreed(request: Request, card: Card) -> dict[str, Any]:
    """consents: {name, granted} by purpose; ask_again: names of purposes with new words since; consents_url."""
    here, said = context(request), language(request)
    if card.customer_id is None:
        return {"consents": [], "ask_again": [], "consents_url": ""}
    names = {each.key: each.name_in(said) for each in await documents.purposes_of(here.db, card.business_id)}
    return {"consents": [{"purpose": each.purpose, "name": names.get(each.purpose, each.purpose), "granted": each.granted}
                         for each in await customers.consents_of(here.db, card.business_id, card.customer_id)],
            "ask_again": [names.get(purpose, purpose)
                          for purpose in await documents.to_ask_again(here.db, card.business_id, card.customer_id)],
            "consents_url": address(request, card) + "/consents"}


async def _reports(request: Request, card: Card) -> list[dict[str, Any]]:
    """What phones wrote to the server about this card's pass, newest first."""
    found = await registrations.reports_on(context(request).db, card.business_id, card.id, SHOWN_REPORTS)
    return [{"at": report.at, "words": frame.said(request, report.meaning.sentence), "is_bad": report.meaning.needs_person,
             "line": report.line} for report in found]


async def _balances(request: Request, card: Card, program: programs.Program, held: ledger.Shown) -> dict[str, Any]:
    """balance: of the programme's unit; figure: (number, word); others: what else is on the card, and what waits, in words."""
    here, said, unit = context(request), language(request), program.rules.unit

    def tell(amount: int, of: str) -> str:
        text = program_words.amount(abs(amount), of, program.currency, said)
        after = program_words.SPACE + frame.said(request, N_("to the fund")) if of == "donated" else ""
        return f"{formats.MINUS if amount < 0 else ''}{text}{after}"

    kept = [each for each in UNITS if each != unit and held.available.get(each)]
    number, _, word = tell(held.available.get(unit, 0), unit).rpartition(program_words.SPACE)
    until = await ledger.member_until(here.db, card.account_id, here.clock.now()) if program.rules.membership else None
    return {"balance": held.available.get(unit, 0), "figure": (number, word), "others": [tell(held.available[each], each) for each in kept],
            "pending": [tell(amount, each) for each, amount in held.pending.items() if each in (unit, *LISTED)], "member_until": until}


def address(request: Request, card: Card) -> str:
    return f"{CARDS}/{context(request).ids.encode('card', card.id)}"


def _link_of(request: Request, card: Card) -> dict[str, str]:
    return {"url": address(request, card), "number_end": card.number[-4:]}


def _actions(request: Request, card: Card) -> dict[str, str]:
    """What the card's state allows, each with the address that does it."""
    own = address(request, card)
    allowed = {"provisional": ("resend", "block", "reissue"),
               "active": ("adjust", "block", "reissue", "replace", "link", "merge", "number"),
               "blocked": ("unblock", "reissue", "replace")}.get(card.status, ())
    forgets = ("erase",) if principal(request).may("owner") and card.customer_id is not None and card.status != "erased" else ()
    return {act: f"{own}/{act}" for act in (*allowed, *forgets)}


def _key(request: Request, text: str, *parts: str) -> Key | None:
    """The form's key: a second press of the same button is the same act."""
    if not text or len(text) > 40 or not text.replace("-", "").isalnum() or not text.isascii():
        return None
    return Key("console-" + text, fingerprint("POST", request.url.path, "\n".join(parts).encode()))


Doing = Callable[[Card, Key | None], Awaitable[Card]]


async def act_on_card(request: Request) -> Response:
    """POST /console/cards/{card}/{act}: block, unblock, reissue or replace; or an act of levels.py."""
    here, who, now = context(request), principal(request), context(request).clock.now()
    form, card = await frame.form_of(request), await _own_card(request)
    if request.path_params["act"] in levels.ACTS:
        return await _other_act(request, card, form)
    program = await programs.get_program(here.db, card.business_id, card.program_id)
    doings: dict[str, Doing] = {
        "block": lambda card, key: cards.block(here.db, who, card.id, key, now),
        "unblock": lambda card, key: cards.unblock(here.db, who, card.id, key, now),
        "reissue": lambda card, key: cards.reissue(here.db, who, card.id, key, now),
        "replace": lambda card, key: cards.replace(here.db, who, card.id, key, program.number_prefix, now)}
    act = request.path_params["act"]
    if act not in doings:
        raise errors.NotFound()
    try:
        changed = await doings[act](card, _key(request, text_field(form, "key", 64)))
    except errors.Refused as refused:
        return await shown_card(request, card, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(f"{address(request, changed)}?done={act}")


async def _other_act(request: Request, card: Card, form: FormData) -> Response:
    act = request.path_params["act"]
    try:
        await levels.ACTS[act](request, card, form)
    except (errors.Invalid, errors.Refused) as refused:
        return await shown_card(request, card, typed=frame.texts(form, *levels.FIELDS), wrong=frame.sentences_of(request, refused),
                           status=frame.status_for(refused))
    return frame.to(f"{address(request, card)}?done={act}")


async def adjust(request: Request) -> Response:
    """POST /console/cards/{card}/adjust: so much of a unit added or taken, with a reason; never below zero. A large one is asked for."""
    here, form, card = context(request), await frame.form_of(request), await _own_card(request)
    typed, key = frame.texts(form, "points", "reason", "unit"), text_field(form, "key", 64)
    program = await programs.get_program(here.db, card.business_id, card.program_id)
    unit = typed["unit"] or program.rules.unit
    try:
        made = await approvals.adjust_or_ask(
            here.db, principal(request), card.id, unit, _amount(typed["points"], unit, program.currency), typed["reason"],
            _key(request, key, typed["points"], typed["reason"], typed["unit"]), here.clock.now())
    except (errors.Invalid, errors.Refused) as refused:
        wrong = frame.sentences_of(request, refused)
        if "amount" in wrong:
            wrong["points"] = wrong.pop("amount")
        return await shown_card(request, card, typed=typed, wrong=wrong, key=key, status=frame.status_for(refused))
    return frame.to(f"{address(request, card)}?done={'asked' if isinstance(made, approvals.Approval) else 'adjust'}")


def _amount(text: str, unit: str, currency: str) -> int:
    """So much with or without a sign: whole, or an amount of money in minor units. Raises Invalid (field `points`)."""
    if unit != "money":
        return _points(text)
    plain = text.replace("−", "-").strip()
    try:
        return (-1 if plain.startswith("-") else 1) * parse_major(plain.lstrip("+-"), currency)
    except errors.Invalid as refused:
        raise errors.Invalid(fields=[errors.FieldError("points", code, sentence) for _, code, sentence in refused.fields]) from refused


def _points(text: str) -> int:
    """A whole number with or without a sign, not zero. Raises Invalid (field `points`)."""
    plain = "".join(text.split()).replace("−", "-")
    digits = plain.removeprefix("+").removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 14 and int(digits)):
        raise errors.Invalid(fields=[errors.FieldError("points", "integer", N_("Type a whole number, such as 50 or -50."))])
    return -int(digits) if plain.startswith("-") else int(digits)


async def make_link(request: Request) -> Response:
    """POST /console/cards/{card}/link: the address of the card's page, to hand to its shopper; audited."""
    here, who, now = context(request), principal(request), context(request).clock.now()
    await frame.form_of(request)
    card = await _own_card(request)
    try:
        card_rules.check_can_change(card, allow=("active",))
    except errors.Refused as refused:
        return await shown_card(request, card, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))

    async def act(tx: Transaction) -> str:
        await audit.record(tx, who, "card.page_link", "card", card.id, now=now)
        return await cards.page_link(tx, here.ring, card, "card", now)

    token = await write_transaction(here.db, act)
    return await shown_card(request, card, page_link=here.settings.address(f"/c/{token}"))


async def resend(request: Request) -> Response:
    """POST /console/cards/{card}/resend: another message with another link, for a card that still waits for its shopper."""
    here, who, now = context(request), principal(request), context(request).clock.now()
    await frame.form_of(request)
    card = await _own_card(request)
    try:
        await enrolment.resend(here.db, here.ring, here.settings, who, await enrolment.id_of_card(here.db, card), now)
    except (errors.Refused, errors.TooMany, errors.Unavailable) as refused:
        return await shown_card(request, card, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(f"{address(request, card)}?done=resend")


routes = [
    routing.route(CUSTOMERS, customers_page, who=frame.PART_READ, name="console:customers"),
    routing.route(CARDS + "/{card}", card_page, who=frame.PART_READ, name="console:card"),
    routing.route(CARDS + "/{card}/adjust", adjust, who=frame.PART, name="console:adjust", methods=["POST"]),
    routing.route(CARDS + "/{card}/link", make_link, who=frame.PART, name="console:card_link", methods=["POST"]),
    routing.route(CARDS + "/{card}/resend", resend, who=frame.PART, name="console:resend", methods=["POST"]),
    routing.route(CARDS + "/{card}/{act}", act_on_card, who=frame.PART, name="console:act_on_card", methods=["POST"]),
]
