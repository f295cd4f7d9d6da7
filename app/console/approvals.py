"""Corrections that wait for a second pair of eyes: another manager agrees or refuses."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.cards import service as cards
from app.console import frame
from app.customers import service as customers
from app.programs import service as programs
from app.sales import approvals
from app.sales.approvals import Approval
from app.sales.approvals_rules import LIFE
from app.text import N_
from app.till.results import signed
from app.web import routing
from app.web.forms import text_field
from app.web.requests import context, language, principal

APPROVALS = "/console/approvals"
DONE = {"approve": N_("Agreed, and done."), "refuse": N_("Refused. Nothing was changed.")}


async def count_waiting(request: Request) -> int:
    """How many corrections wait, for the first page's line."""
    here = context(request)
    return len(await approvals.list_waiting(here.db, principal(request).business_id, here.clock.now()))


async def approvals_page(request: Request) -> Response:
    """GET /console/approvals"""
    done = DONE.get(request.query_params.get("done", ""), "")
    return await _approvals(request, done=frame.said(request, done) if done else "")


async def _approvals(request: Request, *, done: str = "", wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    here, who = context(request), principal(request)
    waiting = await approvals.list_waiting(here.db, who.business_id, here.clock.now())
    return await frame.page(request, "approvals", {"approvals": [await _row(request, each) for each in waiting]}, done=done, wrong=wrong,
                            status=status)


async def _row(request: Request, asked: Approval) -> dict[str, Any]:
    here, who = context(request), principal(request)
    card = await cards.get_card(here.db, who.business_id, asked.card_id)
    program = await programs.get_program(here.db, who.business_id, card.program_id)
    person = await customers.get(here.db, here.ring, who.business_id, card.customer_id) if card.customer_id else None
    own = f"{APPROVALS}/{here.ids.encode('approval', asked.id)}"
    return {"what": signed(asked.amount, asked.unit, program.currency, language(request)), "reason": asked.reason, "at": asked.asked_at,
            "who": asked.asked_name, "until": asked.asked_at + LIFE, "name": (person.name if person else None) or "",
            "number_end": card.number[-4:], "card_url": f"/console/cards/{here.ids.encode('card', card.id)}", "action": own,
            "is_own": (asked.asked_kind, asked.asked_id) == (who.kind, who.id)}


async def decide(request: Request) -> Response:
    """POST /console/approvals/{approval}: `act` approve or refuse."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    approval_id, act = frame.own_id(request, "approval", "approval"), text_field(form, "act", 20)
    await approvals.get_approval(here.db, who.business_id, approval_id)
    try:
        if act == "approve":
            await approvals.approve(here.db, who, approval_id, None, here.clock.now())
        elif act == "refuse":
            await approvals.refuse(here.db, who, approval_id, here.clock.now())
        else:
            raise errors.Invalid()
    except (errors.Invalid, errors.Refused, errors.Forbidden) as refused:
        return await _approvals(request, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(f"{APPROVALS}?done={act}")


routes = [
    routing.route(APPROVALS, approvals_page, who=frame.MANAGER_READ, name="console:approvals"),
    routing.route(APPROVALS + "/{approval}", decide, who=frame.MANAGER, name="console:decide", methods=["POST"]),
]
