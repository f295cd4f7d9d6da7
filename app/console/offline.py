"""What tills did without a network and could not be done: a manager lets it be done, or closes it and says why; and what tills may risk."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.cards import service as cards
from app.clock import from_ms
from app.console import frame
from app.console.audit_log import actors
from app.devices import service as devices
from app.money import parse_major, to_major
from app.offline import conflicts, service, store, words
from app.offline.rules import Item
from app.offline.store import ItemRow
from app.programs import service as programs
from app.text import N_
from app.web import routing
from app.web.forms import text_field
from app.web.requests import context, principal

OFFLINE = "/console/offline"
DONE = {"apply": N_("Done. It stands among the operations."), "dismiss": N_("Closed. Nothing was changed."), "risk": N_("Kept.")}
KINDS = {"sale": N_("Sale"), "visit": N_("Visit"), "gap": N_("Lost")}


async def count_open(request: Request) -> int:
    """How many wait for a decision, for the first page's line."""
    return await store.count_conflicts(context(request).db, principal(request).business_id)


async def offline_page(request: Request) -> Response:
    """GET /console/offline"""
    done = DONE.get(request.query_params.get("done", ""), "")
    return await _offline(request, done=frame.said(request, done) if done else "")


async def _offline(request: Request, *, typed: dict[str, str] | None = None, done: str = "", wrong: dict[str, str] | None = None,
                   at: int = 0, status: int = 200) -> Response:
    """typed: the form of the limit, or the reason of the conflict `at`."""
    here, who = context(request), principal(request)
    business = await programs.get_business(here.db, who.business_id)
    names = {device.id: device.name for device, _ in await devices.list_devices(here.db, who)}
    people = await actors(request)
    shown = [await _row(request, row, names, people) for row in await store.conflicts(here.db, who.business_id, conflicts.SHOWN)]
    decided = [await _row(request, row, names, people) for row in await store.decided(here.db, who.business_id, conflicts.SHOWN_DECIDED)]
    most = await store.redeem_most(here.db, who.business_id)
    risk = f"{to_major(most, business.currency):f}" if most else "0"
    return await frame.page(request, "offline", {
        "conflicts": shown, "decided": decided, "risk": (typed or {}).get("risk", risk), "risk_action": OFFLINE if who.may("owner") else "",
        "wrong_at": here.ids.encode("offline_item", at) if at else "", "reason": (typed or {}).get("reason", "")},
        done=done, wrong=wrong, status=status)


async def _row(request: Request, row: ItemRow, names: dict[int, str], people: dict[tuple[str, int | None], str]) -> dict[str, Any]:
    here = context(request)
    item = service.item_of(here, row) if row.body_sealed else None
    card = await cards.get_card(here.db, row.business_id, row.card_id) if row.card_id else None
    currency = (await programs.get_business(here.db, row.business_id)).currency
    return {"kind": frame.said(request, KINDS[row.kind]), "number": row.counter, "until": row.until, "currency": currency,
            "why": frame.said(request, words.sentence_of(row.why)), "card": f"…{card.number[-4:]}" if card else _shown(item),
            "card_url": f"/console/cards/{here.ids.encode('card', card.id)}" if card else "", "at": from_ms(row.happened_at),
            "came_at": from_ms(row.received_at), "device": names.get(row.device_id, ""), "who": _actor(request, row, item, people),
            **_asked(item), **_decision(request, row, people)}


def _asked(item: Item | None) -> dict[str, Any]:
    """What the till signed; nothing of a gap, and of what is applied."""
    if item is None:
        return {"amount": None, "points": 0, "to_pay": None, "receipt": ""}
    return {"amount": item.amount, "points": item.points, "to_pay": item.to_pay, "receipt": item.receipt or ""}


def _decision(request: Request, row: ItemRow, people: dict[tuple[str, int | None], str]) -> dict[str, Any]:
    """What can be decided, or was."""
    own = context(request).ids.encode("offline_item", row.id)
    return {"id": own, "action": f"{OFFLINE}/{own}" if row.state == "conflict" else "", "can_apply": conflicts.can_apply(row),
            "is_applied": row.state == "applied", "decided_by": people.get(("staff", row.settled_by), ""),
            "decided_at": from_ms(row.settled_at) if row.settled_at else None, "reason": conflicts.reason_of(context(request), row)}


def _shown(item: Item | None) -> str:
    """What was typed for the card, as far as a page may show it: its last four signs."""
    return f"…{item.card[-4:]}" if item else ""


def _actor(request: Request, row: ItemRow, item: Item | None, people: dict[tuple[str, int | None], str]) -> str:
    """Who acted: as it is believed, else whom the till names."""
    named = context(request).ids.decode("staff", item.staff) if item else None
    return people.get(("staff", row.staff_id or named), "")


async def keep_risk(request: Request) -> Response:
    """POST /console/offline: what points may pay of a receipt without a network."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    typed = frame.texts(form, "risk")
    business = await programs.get_business(here.db, who.business_id)
    try:
        minor = 0 if typed["risk"] in ("", "0") else parse_major(typed["risk"], business.currency)
        await conflicts.choose_risk(here, who, minor, here.clock.now())
    except errors.Invalid as refused:
        return await _offline(request, typed=typed, wrong={"risk": next(iter(frame.sentences_of(request, refused).values()))}, status=422)
    return frame.to(f"{OFFLINE}?done=risk")


async def decide(request: Request) -> Response:
    """POST /console/offline/{item}: `act` apply, or dismiss with a `reason`."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    item_id, act = frame.own_id(request, "offline_item", "item"), text_field(form, "act", 20)
    if await store.get(here.db, who.business_id, item_id) is None:
        raise errors.NotFound()
    typed = frame.texts(form, "reason")
    try:
        if act == "apply":
            await conflicts.apply(here, who, item_id, here.clock.now())
        elif act == "dismiss":
            await conflicts.dismiss(here, who, item_id, typed["reason"], here.clock.now())
        else:
            raise errors.Invalid()
    except (errors.Invalid, errors.Refused, errors.Forbidden) as refused:
        wrong = frame.sentences_of(request, refused)
        return await _offline(request, typed=typed, wrong=wrong if "reason" in wrong else {"": " ".join(wrong.values())}, at=item_id,
                              status=frame.status_for(refused))
    return frame.to(f"{OFFLINE}?done={act}")


routes = [
    routing.route(OFFLINE, offline_page, who=frame.MANAGER_READ, name="console:offline"),
    routing.route(OFFLINE, keep_risk, who=frame.OWNER, name="console:offline_risk", methods=["POST"]),
    routing.route(OFFLINE + "/{item}", decide, who=frame.MANAGER, name="console:offline_decide", methods=["POST"]),
]
