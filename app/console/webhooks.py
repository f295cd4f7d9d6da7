"""Addresses of the business's own systems: added, changed, paused, given another secret; what was told to each. Owners alone."""
import json
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.clock import from_ms
from app.console import frame
from app.text import N_
from app.web import routing
from app.web.requests import context, principal
from app.webhooks import rules
from app.webhooks import service as webhooks
from app.webhooks.service import Delivery, Webhook

WEBHOOKS = "/console/webhooks"
ON_A_PAGE = 30
KINDS = {"card.created": N_("A card is made"), "card.activated": N_("A card is activated"), "card.blocked": N_("A card is blocked"),
         "card.replaced": N_("A card is replaced"), "pass.installed": N_("A card is put into a wallet"),
         "pass.removed": N_("A card is taken out of a wallet"), "operation.created": N_("A purchase, refund, correction or expiry"),
         "tier.changed": N_("Somebody reaches or leaves a level"), "consent.changed": N_("Somebody agrees to news, or no longer does"),
         "enrolment.expired": N_("Nobody answered an invitation to a card"), rules.PING: N_("A test")}
STATES = {rules.WAITING: ("waiting", N_("waits")), rules.DELIVERED: ("active", N_("arrived")), rules.FAILED: ("blocked", N_("given up"))}
PAUSED = {rules.BY_HAND: N_("Paused. What happens is gathered for three days."),
          rules.FAILING: N_("Paused, because nobody answered there for three days. Mend the receiver, then let it go on."),
          rules.GONE: N_("Paused, because the receiver said that it is gone for good (410).")}
DONE = {"changed": N_("Kept."), "pause": N_("Paused. What happens is gathered for three days."), "resume": N_("It goes on."),
        "ping": N_("A test is on its way. Load the page again to see what came of it."),
        "again": N_("Everything that failed is sent once more."),
        "deleted": N_("Deleted. Nothing more is told there."), "resent": N_("It is sent once more.")}


def _done(request: Request) -> str:
    word = request.query_params.get("done", "")
    return frame.said(request, DONE[word]) if word in DONE else ""


async def webhooks_page(request: Request) -> Response:
    """GET /console/webhooks"""
    return await _list(request, done=_done(request))


async def _list(request: Request, typed: dict[str, Any] | None = None, *, done: str = "", wrong: dict[str, str] | None = None,
                status: int = 200) -> Response:
    here, found = context(request), []
    for each in await webhooks.list_webhooks(here.db, principal(request).business_id):
        counts = await webhooks.counts(here.db, each.business_id, each.id)
        found.append({"url": _path(request, each), "host": urlsplit(each.url).hostname, "note": each.note,
                      "is_paused": each.paused_at is not None, "is_failing": each.failing_since is not None,
                      "waiting": counts.get(rules.WAITING, 0), "failed": counts.get(rules.FAILED, 0), "kinds": len(each.kinds)})
    return await frame.page(request, "webhooks", {
        "webhooks": found, "action": WEBHOOKS, "kinds": _kinds(request), "most": rules.WEBHOOKS_MOST,
        "values": typed or {"url": "", "note": "", "kinds": list(rules.KINDS)}},
        done=done, wrong=wrong, status=status)


def _kinds(request: Request) -> list[tuple[str, str]]:
    return [(kind, frame.said(request, KINDS[kind])) for kind in rules.KINDS]


def _path(request: Request, webhook: Webhook) -> str:
    return f"{WEBHOOKS}/{context(request).ids.encode('webhook', webhook.id)}"


async def _typed(request: Request) -> dict[str, Any]:
    form = await frame.form_of(request)
    return {**frame.texts(form, "url", "note"), "kinds": [kind for kind in form.getlist("kinds") if isinstance(kind, str)]}


async def add(request: Request) -> Response:
    """POST /console/webhooks: the answer is the only time that the secret is seen."""
    here, typed = context(request), await _typed(request)
    try:
        made = await webhooks.create(here, principal(request), typed["url"], typed["kinds"], typed["note"], None, here.clock.now())
    except (errors.Invalid, errors.Refused) as refused:
        return await _list(request, typed, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return await _one(request, made.webhook, secret=made.secret)


async def _chosen(request: Request) -> Webhook:
    return await webhooks.get(context(request).db, principal(request).business_id, frame.own_id(request, "webhook", "webhook"))


async def webhook_page(request: Request) -> Response:
    """GET /console/webhooks/{webhook}"""
    return await _one(request, await _chosen(request), done=_done(request))


async def _one(request: Request, webhook: Webhook, typed: dict[str, Any] | None = None, *, secret: str = "", done: str = "",
               wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    here, own = context(request), _path(request, webhook)
    state = request.query_params.get("state") if request.query_params.get("state") in rules.STATES else None
    before = here.ids.decode("delivery", request.query_params.get("before", ""))
    rows = await webhooks.list_deliveries(here.db, webhook.business_id, webhook.id, state=state, before=before, limit=ON_A_PAGE + 1)
    counts = await webhooks.counts(here.db, webhook.business_id, webhook.id)
    shown = f"{own}?state={state}" if state else own
    last = here.ids.encode("delivery", rows[ON_A_PAGE - 1].id) if len(rows) > ON_A_PAGE else ""
    old_until = webhook.old_until if webhook.old_until and from_ms(webhook.old_until) > here.clock.now() else None
    return await frame.page(request, "webhook", {
        "action": own, "acts_action": own + "/acts", "back_url": WEBHOOKS, "secret": secret, "kinds": _kinds(request),
        "host": urlsplit(webhook.url).hostname,
        "paused": frame.said(request, PAUSED[webhook.paused_why or rules.BY_HAND]) if webhook.paused_at else "",
        "failing_since": from_ms(webhook.failing_since) if webhook.failing_since else None,
        "old_until": from_ms(old_until) if old_until else None, "deliveries": [_row(request, own, each) for each in rows[:ON_A_PAGE]],
        "state": state or "", "ways": [("", own), *((each, f"{own}?state={each}") for each in rules.STATES)],
        "state_words": {key: frame.said(request, words) for key, (_, words) in STATES.items()}, "failed": counts.get(rules.FAILED, 0),
        "next_url": f"{shown}{'&' if state else '?'}before={last}" if last else "", "first_url": shown if before else "",
        "values": typed or {"url": webhook.url, "note": webhook.note, "kinds": list(webhook.kinds)}}, done=done, wrong=wrong, status=status)


def _row(request: Request, own: str, drawn: Delivery) -> dict[str, Any]:
    state, words = STATES[drawn.state]
    return {"url": f"{own}/deliveries/{context(request).ids.encode('delivery', drawn.id)}", "kind": drawn.kind,
            "what": frame.said(request, KINDS[drawn.kind]), "at": from_ms(drawn.event_at), "state": state,
            "state_words": frame.said(request, words), "tries": drawn.tries, "status": drawn.status, "took_ms": drawn.took_ms,
            "why": _why(request, drawn.why), "tried_at": from_ms(drawn.tried_at) if drawn.tried_at else None}


def _why(request: Request, why: str | None) -> str:
    """In the page's language; what the TLS library said after the colon stays as it said it."""
    words, colon, rest = (why or "").partition(": ")
    return frame.said(request, words) + colon + rest if words else ""


async def change(request: Request) -> Response:
    """POST /console/webhooks/{webhook}"""
    here, typed, webhook = context(request), await _typed(request), await _chosen(request)
    try:
        await webhooks.change(here, principal(request), webhook.id, typed["url"], typed["kinds"], typed["note"], here.clock.now())
    except errors.Invalid as refused:
        return await _one(request, webhook, typed, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(_path(request, webhook) + "?done=changed")


async def act(request: Request) -> Response:
    """POST /console/webhooks/{webhook}/acts: pause, resume, ping, again, secret or delete."""
    here, who, form, webhook = context(request), principal(request), await frame.form_of(request), await _chosen(request)
    wanted, now = frame.texts(form, "act")["act"], here.clock.now()
    try:
        if wanted in ("pause", "resume"):
            await webhooks.set_paused(here.db, who, webhook.id, wanted == "pause", now)
        elif wanted == "ping":
            await webhooks.ping(here.db, who, webhook.id, None, now)
        elif wanted == "again":
            await webhooks.send_all_again(here.db, who, webhook.id, now)
        elif wanted == "secret":
            made = await webhooks.rotate(here, who, webhook.id, None, now)
            return await _one(request, made.webhook, secret=made.secret)
        elif wanted == "delete":
            await webhooks.delete(here.db, who, webhook.id, now)
            return frame.to(WEBHOOKS + "?done=deleted")
    except errors.Refused as refused:
        return await _one(request, webhook, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(f"{_path(request, webhook)}?done={wanted if wanted in DONE else ''}")


async def _delivery(request: Request) -> Delivery:
    here, webhook = context(request), await _chosen(request)
    found = await webhooks.get_delivery(here.db, webhook.business_id, frame.own_id(request, "delivery", "delivery"))
    if found.webhook_id != webhook.id:
        raise errors.NotFound()
    return found


async def delivery_page(request: Request) -> Response:
    """GET /console/webhooks/{webhook}/deliveries/{delivery}: its body and the receiver's answer."""
    return await _opened(request, await _delivery(request), done=_done(request))


async def _opened(request: Request, drawn: Delivery, *, done: str = "", wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    own = f"{WEBHOOKS}/{request.path_params['webhook']}"
    body = json.dumps(json.loads(drawn.body), indent=2, ensure_ascii=False) if drawn.body else ""
    next_at = from_ms(drawn.next_at) if drawn.state == rules.WAITING and drawn.tries else None
    return await frame.page(request, "webhook_delivery", {
        "one": _row(request, own, drawn), "body": body, "answer": drawn.answer or "", "back_url": own, "action": request.url.path,
        "next_at": next_at}, done=done, wrong=wrong, status=status)


async def resend(request: Request) -> Response:
    """POST /console/webhooks/{webhook}/deliveries/{delivery}"""
    here = context(request)
    await frame.form_of(request)
    drawn = await _delivery(request)
    try:
        await webhooks.send_again(here.db, principal(request), drawn.id, None, here.clock.now())
    except errors.Refused as refused:
        return await _opened(request, drawn, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(request.url.path + "?done=resent")


routes = [
    routing.route(WEBHOOKS, webhooks_page, who=frame.OWNER, name="console:webhooks"),
    routing.route(WEBHOOKS, add, who=frame.OWNER, name="console:add_webhook", methods=["POST"]),
    routing.route(WEBHOOKS + "/{webhook}", webhook_page, who=frame.OWNER, name="console:webhook"),
    routing.route(WEBHOOKS + "/{webhook}", change, who=frame.OWNER, name="console:change_webhook", methods=["POST"]),
    routing.route(WEBHOOKS + "/{webhook}/acts", act, who=frame.OWNER, name="console:webhook_act", methods=["POST"]),
    routing.route(WEBHOOKS + "/{webhook}/deliveries/{delivery}", delivery_page, who=frame.OWNER, name="console:webhook_delivery"),
    routing.route(WEBHOOKS + "/{webhook}/deliveries/{delivery}", resend, who=frame.OWNER, name="console:resend_delivery", methods=["POST"]),
]
