"""/c/{token}/receipts/{n}: one visit in full, and the file that proves it against the published root of its day."""
import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.card_pages import frame
from app.card_pages.service import Opened
from app.errors import NotFound
from app.ledger import day_seals, operations_store
from app.ledger.operations import Operation
from app.passes import service as passes
from app.programs import service as programs
from app.web import i18n, templating
from app.web.requests import context
from app.web.routing import link, route


async def _receipt(request: Request) -> tuple[Opened, Operation]:
    """The operation behind a number, through the card link only: the pass link is shown around."""
    here = context(request)
    opened = await frame.opened(request)
    if opened.strength != "card":
        raise NotFound()
    card = opened.card
    operation_id = await day_seals.operation_of_receipt(here.db, card.business_id, card.account_id, _number(request))
    found = await operations_store.find_operation(here.db, card.business_id, operation_id) if operation_id else None
    if found is None:
        raise NotFound()
    return opened, found


def _number(request: Request) -> int:
    """The receipt's number; 0, which no receipt has, for anything else than digits."""
    text = request.path_params["n"]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


async def show(request: Request) -> Response:
    """GET /c/{token}/receipts/{n}"""
    here, (opened, operation) = context(request), await _receipt(request)
    program, now = opened.program, here.clock.now()
    language = i18n.language_of(request, program.language)
    business = await programs.get_business(here.db, program.business_id)
    proof = await day_seals.proof_of(here.db, business, operation.id)
    place = await programs.get_location(here.db, operation.acting_business_id, operation.location_id) if operation.location_id else None
    view = await passes.view(here.db, here.ring, opened.card, program, language, now)
    address = f"/c/{request.path_params['token']}"
    return templating.render(request, "cards/receipt.html", {
        "business_name": program.business_name_in(language), "brand": view.css, "logo_picture": view.logo, "operation": operation,
        "number": request.path_params["n"], "place": place.name_in(language) if place else "", "zone": program.time_zone,
        "currency": program.currency, "lines": operation.texts.get("lines", []), "proof": proof, "back_url": address,
        "proof_url": f"{address}/receipts/{request.path_params['n']}/proof.json", "seals_url": f"/ledger/{business.slug}",
    }, default_language=program.language)


async def proof_file(request: Request) -> Response:
    """GET /c/{token}/receipts/{n}/proof.json: what `verify --receipt` checks without a database."""
    here, (opened, operation) = context(request), await _receipt(request)
    business = await programs.get_business(here.db, opened.program.business_id)
    proof = await day_seals.proof_of(here.db, business, operation.id)
    if proof is None:
        return RedirectResponse(f"/c/{request.path_params['token']}/receipts/{request.path_params['n']}", 303)
    name = f"receipt-{business.slug}-{request.path_params['n']}.json"
    return Response(msgspec.json.format(msgspec.json.encode(proof)), media_type="application/json",
                    headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"})


routes = [
    route("/c/{token}/receipts/{n}", show, who=link, name="card-pages:receipt"),
    route("/c/{token}/receipts/{n}/proof.json", proof_file, who=link, name="card-pages:proof"),
]
