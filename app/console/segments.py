"""Groups of customers: filters with a name that rules and campaigns can ask for; who is in them, also as a table."""
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.cards import store as cards_store
from app.clock import local_day
from app.console import confirming, frame
from app.console.founding import slug_of
from app.customers import service as customers
from app.money import parse_major
from app.programs import service as programs
from app.programs import words
from app.segments import service as segments
from app.segments.rules import Filter, clean_tag
from app.segments.service import Member
from app.text import N_
from app.web import routing
from app.web.requests import context, language, principal
from app.web.tables import csv_answer, csv_rows

SEGMENTS = "/console/segments"
SHOWN, AT_ONCE, EXPORTED = 20, 200, 20_000
WHOLE = ("last_sale_from", "last_sale_to", "no_visit_days", "sales_days", "sales_from", "sales_to", "birthday_within")
SUMS = ("spend_from", "spend_to")
TEXTS = ("name", "level", "tags", "location", "program", "marketing", "has_pass", "balance_unit", "balance_from")
FIELDS = (*WHOLE, *SUMS, *TEXTS)
DONE = {"made": N_("The group is made. Rules can ask for it."), "closed": N_("Nobody is in that group any more.")}
YES_NO = {"": N_("does not matter"), "1": N_("yes"), "0": N_("no")}
NOT_WHOLE = N_("Type a whole number, or leave the field empty.")
EMPTY = dict.fromkeys(FIELDS, "") | {"sales_days": "365", "balance_unit": "points"}


async def segments_page(request: Request) -> Response:
    """GET /console/segments"""
    done = DONE.get(request.query_params.get("done", ""), "")
    return await _segments(request, done=frame.said(request, done) if done else "")


async def _segments(request: Request, typed: dict[str, str] | None = None, *, done: str = "", wrong: dict[str, str] | None = None,
                    status: int = 200) -> Response:
    here, who, said, now = context(request), principal(request), language(request), context(request).clock.now()
    found = await segments.list_segments(here.db, who.business_id)
    business = await programs.get_business(here.db, who.business_id)
    known = await programs.list_programs(here.db, who.business_id)
    async with here.db.transaction(readonly=True) as tx:
        counts = {each.key: await segments.count(tx, who.business_id, each.filter, now) for each in found}
    places = await programs.list_locations(here.db, who.business_id)
    any_ = ("", frame.said(request, N_("any")))
    return await frame.page(request, "segments", {
        "segments": [{"name": each.name, "key": each.key, "count": counts[each.key], "url": f"{SEGMENTS}/{each.key}",
                      "says": await says(request, each.filter, business.currency)} for each in found],
        "action": SEGMENTS, "values": typed or EMPTY, "yes_no": [(key, frame.said(request, word)) for key, word in YES_NO.items()],
        "levels": [any_, *{level.key: (level.key, level.name.in_(said)) for program in known if program.rules.levels
                           for level in program.rules.levels.levels}.values()],
        "locations": [any_, *((here.ids.encode("location", each.id), each.name_in(said)) for each in places)],
        "programs": [any_, *((here.ids.encode("program", each.id), each.name_in(said)) for each in known)],
        "units": [(unit, frame.said(request, word)) for unit, word in (
            ("points", N_("points")), ("money", N_("money")), ("stamps", N_("stamps")), ("visits", N_("visits")))]},
        done=done, wrong=wrong, status=status)


async def make(request: Request) -> Response:
    """POST /console/segments"""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    typed = frame.texts(form, *FIELDS)
    business = await programs.get_business(here.db, who.business_id)
    try:
        asked = _filter(request, typed, business.currency)
        made = await segments.create(here.db, who, slug_of(typed["name"])[:40].strip("-"), typed["name"], asked, here.clock.now())
    except (errors.Invalid, errors.Refused) as refused:
        wrong = frame.sentences_of(request, refused)
        # The key is made of the name, so what stands against it stands there; what concerns no field is said on top.
        wrong = {{"key": "name", "levels": "level", "filter": ""}.get(field, field): sentence for field, sentence in wrong.items()}
        return await _segments(request, typed, wrong=wrong, status=frame.status_for(refused))
    return frame.to(f"{SEGMENTS}/{made.key}?done=made")


def _filter(request: Request, typed: dict[str, str], currency: str) -> Filter:
    """Raises Invalid with every field that is no number or no tag."""
    ids, wrong = context(request).ids, list[errors.FieldError]()
    values: dict[str, Any] = {}
    for name in (*WHOLE, *SUMS, "balance_from"):
        is_sum = name in SUMS or (name == "balance_from" and typed["balance_unit"] == "money")
        if typed[name]:
            values[name] = _number(name, typed[name], currency if is_sum else None, wrong)
    tags = [tag for tag in typed["tags"].split(",") if tag.strip()]
    cleaned = [clean_tag(tag) for tag in tags]
    if None in cleaned:
        wrong.append(errors.FieldError("tags", "tag", N_("A tag is a word or two of up to 40 letters and digits.")))
    if wrong:
        raise errors.Invalid(fields=wrong)
    return Filter(**values, levels=(typed["level"],) if typed["level"] else (), tags=tuple(tag for tag in cleaned if tag),
                  location=(ids.decode("location", typed["location"]) or 0) if typed["location"] else None,
                  program=(ids.decode("program", typed["program"]) or 0) if typed["program"] else None,
                  marketing=_yes_no(typed["marketing"]), has_pass=_yes_no(typed["has_pass"]),
                  balance_unit=typed["balance_unit"] or "points")


def _number(name: str, text: str, currency: str | None, wrong: list[errors.FieldError]) -> int:
    plain = "".join(text.split())
    try:
        if currency is not None:
            return parse_major(plain, currency)
        if plain.isascii() and plain.isdigit() and len(plain) < 13:
            return int(plain)
        raise errors.Invalid(fields=[errors.FieldError(name, "integer", NOT_WHOLE)])
    except errors.Invalid as refused:
        wrong += [errors.FieldError(name, code, sentence) for _, code, sentence in refused.fields]
        return 0


def _yes_no(text: str) -> bool | None:
    return {"1": True, "0": False}.get(text)


# One of them.
async def segment_page(request: Request) -> Response:
    """GET /console/segments/{segment}: what it asks, and its first members."""
    here, who, now = context(request), principal(request), context(request).clock.now()
    found = await segments.get(here.db, who.business_id, request.path_params["segment"])
    business = await programs.get_business(here.db, who.business_id)
    async with here.db.transaction(readonly=True) as tx:
        count = await segments.count(tx, who.business_id, found.filter, now)
        members = await segments.members(tx, who.business_id, found.filter, now, limit=SHOWN)
    done = DONE.get(request.query_params.get("done", ""), "")
    return await frame.page(request, "segment", {
        "segment": {"name": found.name, "key": found.key, "says": await says(request, found.filter, business.currency), "count": count,
                    "since": found.created_at},
        "members": await _members(request, members), "csv_url": f"{SEGMENTS}/{found.key}/members.csv",
        "close_action": f"{SEGMENTS}/{found.key}/close", "list_url": SEGMENTS}, done=frame.said(request, done) if done else "")


async def _members(request: Request, members: Sequence[Member]) -> list[dict[str, Any]]:
    """name, phone (masked), number_end and url of each, the newest card of an account."""
    here, who = context(request), principal(request)
    people = await customers.get_many(here.db, here.ring, who.business_id, {each.customer_id for each in members if each.customer_id})
    rows = []
    for each in members:
        held = await cards_store.of_account(here.db, who.business_id, each.account_id)
        person = people.get(each.customer_id) if each.customer_id else None
        if held:
            rows.append({"name": (person.name if person else None) or "", "phone": (person.phone_masked if person else None) or "",
                         "number": held[0].number, "number_end": held[0].number[-4:],
                         "url": f"/console/cards/{here.ids.encode('card', held[0].id)}"})
    return rows


async def members_csv(request: Request) -> Response:
    """GET /console/segments/{segment}/members.csv: card numbers, names and masked phones, of about EXPORTED members at most."""
    here, who, now = context(request), principal(request), context(request).clock.now()
    found = await segments.get(here.db, who.business_id, request.path_params["segment"])
    rows: list[list[object]] = [[frame.said(request, word) for word in (N_("Card number"), N_("Name"), N_("Phone"))]]
    after = 0
    while len(rows) <= EXPORTED:
        async with here.db.transaction(readonly=True) as tx:
            members = await segments.members(tx, who.business_id, found.filter, now, after, AT_ONCE)
        if not members:
            break
        rows += [[row["number"], row["name"], row["phone"]] for row in await _members(request, members)]
        after = members[-1].account_id
    zone = (await programs.get_business(here.db, who.business_id)).time_zone
    return csv_answer(f"{found.key}-{local_day(now, zone).isoformat()}", csv_rows(rows))


async def close(request: Request) -> Response:
    """POST /console/segments/{segment}/close"""
    await frame.form_of(request)
    await segments.close(context(request).db, principal(request), request.path_params["segment"], context(request).clock.now())
    return frame.to(f"{SEGMENTS}?done=closed")


# What a filter asks, in words.
async def says(request: Request, asked: Filter, currency: str) -> str:
    """One sentence: what must be true of everybody in it."""
    said, here, who = language(request), context(request), principal(request)
    ru = said == "ru"
    days, money, number = (lambda count: words.days(count, said)), (lambda minor: words.money(minor, currency, said)), words.number
    span = days(asked.sales_days)
    found = [
        _between(asked.last_sale_from, asked.last_sale_to, days, ("last bought", "последняя покупка"), ru, (" ago", " назад")),
        asked.no_visit_days and (f"не был {days(asked.no_visit_days)}" if ru else f"did not come for {days(asked.no_visit_days)}"),
        _between(asked.sales_from, asked.sales_to, number, (f"purchases in {span}:", f"покупок за {span}:"), ru),
        _between(asked.spend_from, asked.spend_to, money, (f"spent in {span}:", f"потрачено за {span}:"), ru),
        asked.levels and (("уровень " if ru else "on the level ") + words.listed(
            [words.quoted(key, said) for key in asked.levels], said, choice=True)),
        asked.tags and (("метка " if ru else "tagged ") + words.listed([words.quoted(tag, said) for tag in asked.tags], said, choice=True)),
        asked.birthday_within is not None and (f"день рождения в ближайшие {days(asked.birthday_within)}" if ru else
                                               f"a birthday within {days(asked.birthday_within)}"),
        asked.marketing is not None and _either(asked.marketing, ru, ("agreed to messages", "did not agree to messages"),
                                                ("согласен на сообщения", "не согласен на сообщения")),
        asked.has_pass is not None and _either(asked.has_pass, ru, ("the card is in a wallet", "the card is in no wallet"),
                                               ("карта в телефоне", "карты нет в телефоне")),
        asked.balance_from is not None and (f"на карте от {words.amount_of(asked.balance_from, asked.balance_unit, currency, said)}" if ru
                                            else f"at least {words.amount(asked.balance_from, asked.balance_unit, currency, said)}")]
    if asked.location is not None:
        place = (await programs.get_location(here.db, who.business_id, asked.location)).name_in(said)
        found.append(f"покупал в {words.quoted(place, said)}" if ru else f"bought at {words.quoted(place, said)}")
    if asked.program is not None:
        program = (await programs.get_program(here.db, who.business_id, asked.program)).name_in(said)
        found.append(f"программа {words.quoted(program, said)}" if ru else f"in the programme {words.quoted(program, said)}")
    return words.sentence(*[part for part in found if isinstance(part, str)])


def _either(wanted: bool, ru: bool, english: tuple[str, str], russian: tuple[str, str]) -> str:
    return (russian if ru else english)[0 if wanted else 1]


def _between(least: int | None, most: int | None, tell: Any, what: tuple[str, str], ru: bool, after: tuple[str, str] = ("", "")) -> str:
    """"spent in 30 days: from 1 000 ₽ to 5 000 ₽"; nothing where neither end is asked."""
    if least is None and most is None:
        return ""
    ends = [] if least is None else [f"{'от' if ru else 'from'} {tell(least)}"]
    ends += [] if most is None else [f"{'до' if ru else 'to'} {tell(most)}"]
    return f"{what[ru]} {' '.join(ends)}{after[ru]}"


routes = [
    routing.route(SEGMENTS, segments_page, who=frame.MARKET_READ, name="console:segments"),
    routing.route(SEGMENTS, make, who=frame.MARKET, name="console:make_segment", methods=["POST"]),
    routing.route(SEGMENTS + "/{segment}", segment_page, who=frame.MARKET_READ, name="console:segment"),
    routing.route(SEGMENTS + "/{segment}/members.csv", confirming.first(members_csv, SEGMENTS), who=frame.MANAGER,
                  name="console:segment_members"),
    routing.route(SEGMENTS + "/{segment}/close", close, who=frame.MARKET, name="console:close_segment", methods=["POST"]),
]
