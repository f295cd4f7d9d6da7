"""Who is told of what, through the API: addresses, their secrets, and every telling."""
import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from app.clock import from_ms, rfc3339
from app.context import Context
from app.errors import FieldError, Invalid, NotFound
from app.text import N_
from app.till import asking, shapes, webhook_shapes
from app.till.calls import KEY, PAGE, Call, Query
from app.web.requests import context, principal, wanted_page
from app.web.routing import key
from app.webhooks import rules
from app.webhooks import service as webhooks

UNKNOWN_STATUS = N_("There is no such status.")


def _time(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(from_ms(ms))


def _webhook(here: Context, drawn: webhooks.Webhook, secret: str = "") -> webhook_shapes.Webhook:
    return webhook_shapes.Webhook(
        here.ids.encode("webhook", drawn.id), drawn.url, list(drawn.kinds), drawn.note, "active" if drawn.paused_at is None else "paused",
        drawn.paused_why, _time(drawn.failing_since), rfc3339(from_ms(drawn.created_at)), secret or UNSET)


def _delivery(here: Context, drawn: webhooks.Delivery) -> webhook_shapes.Delivery:
    is_waiting = drawn.state == rules.WAITING
    return webhook_shapes.Delivery(
        id=here.ids.encode("delivery", drawn.id), event=None if drawn.event_id is None else here.ids.encode("event", drawn.event_id),
        kind=drawn.kind, status=drawn.state, tries=drawn.tries, created_at=rfc3339(from_ms(drawn.created_at)),  # type: ignore[arg-type]
        tried_at=_time(drawn.tried_at), next_try_at=_time(drawn.next_at) if is_waiting else None,
        http_status=drawn.status, took_ms=drawn.took_ms, why=drawn.why, answer=drawn.answer,
        body=msgspec.json.decode(drawn.body) if drawn.body is not None else None)


async def create(request: Request) -> Response:
    """POST /webhooks"""
    here, asked = context(request), await asking.asked(request, webhook_shapes.WebhookBody)
    body: webhook_shapes.WebhookBody = asked.body
    made = await webhooks.create(here, principal(request), body.url, list(body.kinds), body.note, asked.key, here.clock.now())
    return asking.answered(_webhook(here, made.webhook, made.secret), 201, asked.key)


async def list_webhooks(request: Request) -> Response:
    """GET /webhooks"""
    here, limit = context(request), wanted_page(request)["limit"]
    found = await webhooks.list_webhooks(here.db, principal(request).business_id, after=asking.after(request, "webhook"), limit=limit + 1)
    cursor = here.ids.encode("webhook", found[limit - 1].id) if len(found) > limit else None
    return asking.answered(webhook_shapes.WebhookList([_webhook(here, each) for each in found[:limit]], cursor))


async def get(request: Request) -> Response:
    """GET /webhooks/{id}"""
    here = context(request)
    found = await webhooks.get(here.db, principal(request).business_id, asking.id_in_path(request, "webhook"))
    return asking.answered(_webhook(here, found))


async def change(request: Request) -> Response:
    """PUT /webhooks/{id}"""
    here, who, webhook_id = context(request), principal(request), asking.id_in_path(request, "webhook")
    body: webhook_shapes.WebhookChange = (await asking.asked(request, webhook_shapes.WebhookChange)).body
    now = here.clock.now()
    await webhooks.change(here, who, webhook_id, body.url, list(body.kinds), body.note, now)
    return asking.answered(_webhook(here, await webhooks.set_paused(here.db, who, webhook_id, body.paused, now)))


async def delete(request: Request) -> Response:
    """DELETE /webhooks/{id}"""
    here, webhook_id = context(request), asking.id_in_path(request, "webhook")
    await webhooks.delete(here.db, principal(request), webhook_id, here.clock.now())
    return asking.answered(webhook_shapes.Deleted(here.ids.encode("webhook", webhook_id)))


async def rotate(request: Request) -> Response:
    """POST /webhooks/{id}/secret"""
    here, asked = context(request), await asking.asked(request, shapes.Nothing)
    made = await webhooks.rotate(here, principal(request), asking.id_in_path(request, "webhook"), asked.key, here.clock.now())
    return asking.answered(_webhook(here, made.webhook, made.secret), 200, asked.key)


async def ping(request: Request) -> Response:
    """POST /webhooks/{id}/ping"""
    here, asked = context(request), await asking.asked(request, shapes.Nothing)
    made = await webhooks.ping(here.db, principal(request), asking.id_in_path(request, "webhook"), asked.key, here.clock.now())
    return asking.answered(_delivery(here, made), 202, asked.key)


async def list_deliveries(request: Request) -> Response:
    """GET /webhooks/{id}/deliveries: newest first."""
    here, limit, state = context(request), wanted_page(request)["limit"], request.query_params.get("status") or None
    if state is not None and state not in rules.STATES:
        raise Invalid(fields=[FieldError("status", "unknown", UNKNOWN_STATUS)])
    found = await webhooks.list_deliveries(
        here.db, principal(request).business_id, asking.id_in_path(request, "webhook"), state=state,
        before=asking.after(request, "delivery") or None, limit=limit + 1)
    cursor = here.ids.encode("delivery", found[limit - 1].id) if len(found) > limit else None
    return asking.answered(webhook_shapes.DeliveryList([_delivery(here, each) for each in found[:limit]], cursor))


async def resend(request: Request) -> Response:
    """POST /webhooks/{id}/deliveries/{delivery}/resend"""
    here, who, asked = context(request), principal(request), await asking.asked(request, shapes.Nothing)
    webhook_id = asking.id_in_path(request, "webhook")
    delivery_id = asking.id_of(request, "delivery", request.path_params["delivery"])
    if (await webhooks.get_delivery(here.db, who.business_id, delivery_id)).webhook_id != webhook_id:
        raise NotFound()
    made = await webhooks.send_again(here.db, who, delivery_id, asked.key, here.clock.now())
    return asking.answered(_delivery(here, made), 202, asked.key)


_ADMIN, _TAG = key("admin"), "Webhooks"
_STATUS = Query("status", "waiting, delivered or failed; all unless told.")

CALLS = (
    Call("POST", "/webhooks", "api:create_webhook", create, _ADMIN, _TAG,
         "An address of yours that shall hear of events; its secret is shown here and never again", webhook_shapes.Webhook, 201,
         webhook_shapes.WebhookBody, KEY, refusals=("too_many_webhooks",)),
    Call("GET", "/webhooks", "api:list_webhooks", list_webhooks, _ADMIN, _TAG, "The addresses that are told", webhook_shapes.WebhookList,
         query=PAGE),
    Call("GET", "/webhooks/{id}", "api:get_webhook", get, _ADMIN, _TAG, "One of them", webhook_shapes.Webhook, kind="webhook"),
    Call("PUT", "/webhooks/{id}", "api:change_webhook", change, _ADMIN, _TAG, "The address as it shall be, paused or not",
         webhook_shapes.Webhook, body=webhook_shapes.WebhookChange, kind="webhook"),
    Call("DELETE", "/webhooks/{id}", "api:delete_webhook", delete, _ADMIN, _TAG, "Nothing more is told there, what waits included",
         webhook_shapes.Deleted, kind="webhook"),
    Call("POST", "/webhooks/{id}/secret", "api:rotate_webhook", rotate, _ADMIN, _TAG, "Another secret; for a day both sign",
         webhook_shapes.Webhook, 200, shapes.Nothing, KEY, "webhook"),
    Call("POST", "/webhooks/{id}/ping", "api:ping_webhook", ping, _ADMIN, _TAG, "Sends a test at once", webhook_shapes.Delivery, 202,
         shapes.Nothing, KEY, "webhook", refusals=("webhook_paused",)),
    Call("GET", "/webhooks/{id}/deliveries", "api:list_deliveries", list_deliveries, _ADMIN, _TAG,
         "What was told and what came of it, newest first", webhook_shapes.DeliveryList, kind="webhook", query=(*PAGE, _STATUS)),
    Call("POST", "/webhooks/{id}/deliveries/{delivery}/resend", "api:resend_delivery", resend, _ADMIN, _TAG,
         "Once more, with the same id and body", webhook_shapes.Delivery, 202, shapes.Nothing, KEY, "webhook",
         refusals=("webhook_paused",)),
)
