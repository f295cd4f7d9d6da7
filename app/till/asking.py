"""Reads what a caller of the API asks: ids, idempotency keys, cursors, cards by whatever a till has; and sends the answer."""
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.cards import rotation_rules
from app.cards import rules as card_rules
from app.cards import service as cards
from app.db import Transaction, write_transaction
from app.errors import FieldError, Forbidden, Invalid, NotFound, Refused
from app.idempotency import service as idempotency
from app.idempotency.rules import Key, parse_key
from app.programs import service as programs
from app.text import N_
from app.till.shapes import Nothing
from app.web.requests import context, decode_json, principal, read_body, read_json, wanted_page

T = TypeVar("T")


class SeveralCards(Refused):
    """The phone of a shopper with more than one card."""

    code, detail = "several_cards", N_("Several cards belong to this number. Ask which one, and send its id as `card`.")


class OtherLocation(Forbidden):
    code, detail = "other_location", N_("This key belongs to another location.")


@dataclass(frozen=True, slots=True)
class Asked:
    """A POST: its body, and its idempotency key if it has one."""

    body: Any
    key: Key | None

    @property
    def balances(self) -> dict[str, int] | None:
        """What a repeat must be answered with; None for a first request. Ask after the act."""
        return self.key.before[0].get("balances") if self.key and self.key.before else None


async def asked(request: Request, shape: type[msgspec.Struct], *, key_required: bool = False) -> Asked:
    """The POST, read strictly. A body without fields may be left out."""
    if shape is Nothing:
        raw = await read_body(request)
        body: Any = decode_json(raw, shape) if raw else Nothing()
    else:
        body, raw = await read_json(request, shape)
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Asked(body, parse_key(request.headers.get("idempotency-key"), request.method, path, raw, required=key_required))


def answered(shape: msgspec.Struct, status: int = 200, key: Key | None = None, *, is_replay: bool = False) -> Response:
    """JSON; a repeat of an earlier request says so in a header. Call it after the act."""
    headers = {"Idempotent-Replay": "true"} if is_replay or (key is not None and key.before) else None
    return Response(msgspec.json.encode(shape), status, headers, "application/json")


class _Unclaimed(Exception):
    """No failure: it takes back a claim that was only tried."""


async def once(request: Request, asked: Asked, act: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """What `act` answers, or what it answered this very request before; for acts that open their own transaction.

    The answer is kept after the act, so these acts are ones that a repeat cannot do twice: their things have keys of their own.
    """
    here, business_id = context(request), principal(request).business_id
    now = here.clock.now()

    async def try_claim(tx: Transaction) -> dict[str, Any]:
        if kept := await idempotency.claim(tx, business_id, asked.key, now):
            return kept.answer
        raise _Unclaimed

    async def keep(tx: Transaction) -> None:
        if not await idempotency.claim(tx, business_id, asked.key, now):
            await idempotency.keep(tx, business_id, asked.key, 201, answer)

    try:
        return await write_transaction(here.db, try_claim)
    except _Unclaimed:
        answer = await act()
    await write_transaction(here.db, keep)
    if asked.key is not None:
        asked.key.before.clear()
    return answer


def id_of(request: Request, kind: str, text: str) -> int:
    """The row of a public id. A malformed id is a missing one: NotFound."""
    row_id = context(request).ids.decode(kind, text)
    if row_id is None:
        raise NotFound()
    return row_id


def id_in_path(request: Request, kind: str) -> int:
    return id_of(request, kind, request.path_params["id"])


async def location_id(request: Request, text: str | None) -> int | None:
    """The location that a body names; null is the key's own, else none. Raises NotFound and OtherLocation."""
    who = principal(request)
    if text is None:
        return who.location_id
    found = await programs.get_location(context(request).db, who.business_id, id_of(request, "location", text))
    if who.location_id not in (None, found.id):
        raise OtherLocation()
    return found.id


async def find_cards(request: Request, text: str) -> card_rules.Found:
    """The cards that a till's text means, those of its business's coalitions included. Raises CodeOutdated, TooMany (live codes)."""
    here, who = context(request), principal(request)
    # The country only matters for phones; a scan, which is nearly always what comes, is found without asking for it.
    tidy = card_rules.tidy(text)
    is_scan = card_rules.could_be_ours(tidy) or rotation_rules.parted(tidy) is not None
    country = "" if is_scan else (await programs.get_business(here.db, who.business_id)).country
    found = await cards.find_anywhere(here.db, here.ring, who, text, country, here.clock.now())
    if found.problem == "outdated":
        raise rotation_rules.CodeOutdated()
    return found


async def card_id(request: Request, card: str | None, code: str | None) -> int:
    """The one card that a body names by `card` or by `code`.

    Raises Invalid unless exactly one of them is there, NotFound with the sentence for a code that leads nowhere, SeveralCards,
    CodeOutdated.
    """
    if (card is None) == (code is None):
        raise Invalid(fields=[FieldError("card", "required", N_("Name the card by `card` or by `code`, one of them."))])
    if card is not None:
        return id_of(request, "card", card)
    assert code is not None
    found = await find_cards(request, code)
    if not found.cards:
        raise NotFound(card_rules.PROBLEMS[found.problem])
    if len(found.cards) > 1:
        raise SeveralCards(extra={"cards": [context(request).ids.encode("card", one.id) for one in found.cards]})
    return found.cards[0].id


def moment(request: Request, name: str) -> datetime | None:
    """A moment of the query, RFC 3339; a plus that was not escaped arrives as a space and is forgiven."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        found = msgspec.convert(text.replace(" ", "+"), datetime)
    except msgspec.ValidationError:
        found = None
    if found is None or found.tzinfo is None:
        raise Invalid(fields=[FieldError(name, "time", N_("Write the time as 2026-11-22T09:00:00Z."))])
    return found


def after(request: Request, kind: str) -> int:
    """The row that the last page of a list ended with; 0 for the first page. Raises Invalid for a cursor that is none of ours."""
    text = request.query_params.get("cursor")
    if not text:
        return 0
    row_id = context(request).ids.decode(kind, text)
    if row_id is None:
        raise wrong_cursor()
    return row_id


def paged(request: Request, found: Sequence[T], name_of: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """The asked page of a list that is at hand as a whole, and the cursor of the next. name_of: what tells two of them apart."""
    page = wanted_page(request)
    if page["cursor"]:
        at = next((number for number, one in enumerate(found) if name_of(one) == page["cursor"]), None)
        if at is None:
            raise wrong_cursor()
        found = found[at + 1:]
    shown = found[:page["limit"]]
    return shown, name_of(shown[-1]) if len(found) > len(shown) else None


def wrong_cursor() -> Invalid:
    return Invalid(fields=[FieldError("cursor", "cursor", N_("Send the `next_cursor` of the page before, as it came."))])


def within(field: str, failure: Invalid) -> Invalid:
    """The same refusal with its fields named as parts of `field`."""
    failure.fields = tuple(FieldError(f"{field}.{wrong.field}", wrong.code, wrong.detail) for wrong in failure.fields)
    return failure
