"""/c/{token}/export, /leave and /erase: data handed out, a card ended, a person forgotten. Each asks for a fresh code."""
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.card_pages import frame, rules, service
from app.card_pages.frame import Visit
from app.cards import service as cards
from app.ledger import service as ledger
from app.privacy import service as privacy
from app.profiles import leaving
from app.profiles.leaving import Leftovers
from app.programs import service as programs
from app.programs import words
from app.text import N_
from app.web import i18n
from app.web.cookies import drop_cookie
from app.web.forms import read_form, text_field
from app.web.principal import shopper
from app.web.routing import link, route

TICK = N_("Tick the box: this cannot be taken back.")
FORMATS = {"json": "application/json", "zip": "application/zip"}


async def _fresh(visit: Visit) -> bool:
    return visit.card.customer_id is not None and await frame.is_confirmed(visit, rules.FRESH)


async def _guarded(request: Request, way: str, page: Callable[[Visit], Awaitable[Response]]) -> Response:
    visit = await frame.arrive(request)
    return await page(visit) if await _fresh(visit) else frame.to_code(visit, way)


async def _act(request: Request) -> Visit:
    visit = await frame.arrive_to_act(request)
    if not await _fresh(visit):
        raise service.NotConfirmed()
    return visit


async def export(request: Request) -> Response:
    """GET /c/{token}/export: what is in it, and the two buttons."""
    return await _guarded(request, "export", lambda visit: frame.page(visit, "profiles/export.html", {
        "action": visit.path("/export"), "profile_url": visit.path("/profile")}))


async def download(request: Request) -> Response:
    """POST /c/{token}/export: the file, as JSON or as tables in a ZIP."""
    visit = await _act(request)
    card, kind = visit.card, text_field(await read_form(request), "format", 10)
    if kind not in FORMATS:
        raise errors.Malformed()
    assert card.customer_id is not None
    found = await privacy.export(visit.here.db, visit.here.ring, card.business_id, card.customer_id)
    return Response(found.json_bytes() if kind == "json" else found.csv_zip(), media_type=FORMATS[kind], headers={
        "Content-Disposition": f'attachment; filename="my-data.{kind}"', "Cache-Control": "private, no-store"})


async def leave(request: Request) -> Response:
    """GET /c/{token}/leave: what happens, said before."""
    return await _guarded(request, "leave", _leave_page)


async def _leave_page(visit: Visit, error: str = "", status: int = 200) -> Response:
    left = await leaving.leftovers(visit.here.db, visit.card, visit.now)
    others = await _other_cards(visit)
    return await frame.page(visit, "profiles/leave.html", {
        "ends": _said(visit, left), "vouchers": left.vouchers, "has_money": left.has_paid_in(visit.program), "has_others": others,
        "program_name": visit.program.name_in(visit.language), "error": error, "action": visit.path("/leave"),
        "profile_url": visit.path("/profile"), "is_active": visit.card.status == "active"}, status=status)


def _said(visit: Visit, left: Leftovers) -> list[str]:
    return [words.amount(amount, unit, visit.program.currency, visit.language) for unit, amount in left.balances.items()]


async def _other_cards(visit: Visit) -> bool:
    card = visit.card
    assert card.customer_id is not None
    held = await cards.cards_of_customer(visit.here.db, card.business_id, card.customer_id)
    return any(each.account_id != card.account_id and each.status in ("active", "blocked") for each in held)


async def go(request: Request) -> Response:
    """POST /c/{token}/leave: the card ends. Its page is gone with it, so this answer is the last one."""
    visit = await _act(request)
    if not (await read_form(request)).get("sure"):
        return await _leave_page(visit, i18n.translate(visit.language, TICK), 422)
    try:
        await leaving.leave(visit.here, visit.card, visit.program, visit.language, visit.now)
    except errors.Refused as refused:
        return await _leave_page(visit, visit.said(refused), 409)
    return await _last(visit, "left")


async def _last(visit: Visit, what: str) -> Response:
    """The last page, drawn without the card, which is no more."""
    answer = await frame.page(visit, "profiles/gone.html", {
        "what": what, "program_name": visit.program.name_in(visit.language),
        "join_url": await _join(visit) if what == "left" else ""})
    drop_cookie(answer, visit.here.settings, frame.cookie_kind(visit.here, visit.card))
    if what == "erased":
        # The card's page keeps itself for moments without network: that copy names the person too.
        answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


async def _join(visit: Visit) -> str:
    business = await programs.get_business(visit.here.db, visit.card.business_id)
    return f"/e/{business.slug}/{visit.program.slug}"


async def erase(request: Request) -> Response:
    """GET /c/{token}/erase: what goes and what stays, said before."""
    return await _guarded(request, "erase", _erase_page)


async def _erase_page(visit: Visit, error: str = "", status: int = 200) -> Response:
    card = visit.card
    assert card.customer_id is not None
    held = [each for each in await cards.cards_of_customer(visit.here.db, card.business_id, card.customer_id)
            if each.status in ("active", "blocked")]
    ends = []
    for each in {one.account_id: one for one in held}.values():
        program = await programs.get_program(visit.here.db, card.business_id, each.program_id)
        amount = (await ledger.shown(visit.here.db, each.account_id, visit.now)).available.get(program.rules.unit, 0)
        ends.append((program.name_in(visit.language), words.amount(max(0, amount), program.rules.unit, program.currency, visit.language)))
    return await frame.page(visit, "profiles/erase.html", {
        "ends": ends, "error": error, "action": visit.path("/erase"), "export_url": visit.path("/export"),
        "profile_url": visit.path("/profile")}, status=status)


async def forget(request: Request) -> Response:
    """POST /c/{token}/erase: the person is forgotten, for good."""
    visit = await _act(request)
    card = visit.card
    if not (await read_form(request)).get("sure"):
        return await _erase_page(visit, i18n.translate(visit.language, TICK), 422)
    assert card.customer_id is not None
    last = await _last(visit, "erased")
    await privacy.erase(visit.here.db, visit.here.ring, shopper(card.business_id, card.customer_id), card.customer_id, visit.now)
    return last


routes = [
    route("/c/{token}/export", export, who=link, name="profiles:export"),
    route("/c/{token}/export", download, who=link, name="profiles:download", methods=["POST"]),
    route("/c/{token}/leave", leave, who=link, name="profiles:leave"),
    route("/c/{token}/leave", go, who=link, name="profiles:go", methods=["POST"]),
    route("/c/{token}/erase", erase, who=link, name="profiles:erase"),
    route("/c/{token}/erase", forget, who=link, name="profiles:forget", methods=["POST"]),
]
