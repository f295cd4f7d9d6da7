"""The shapes of the API's webhooks: what is asked for, what is answered, and what a body that we send looks like."""
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.till.shapes import Answer, Id, Request
from app.webhooks.rules import NOTE_MOST, URL_MOST

Url = Annotated[str, Meta(max_length=URL_MOST, description="Begins with https:// and leads to the internet.")]
Kind = Literal["card.created", "card.activated", "card.blocked", "card.replaced", "pass.installed", "pass.removed", "operation.created",
               "tier.changed", "consent.changed", "enrolment.expired"]
Note = Annotated[str, Meta(max_length=NOTE_MOST, description="For people: what listens there.")]
Time = Annotated[str, Meta(description="RFC 3339.")]


class WebhookBody(Request):
    """An address that shall be told, and of what."""

    url: Url
    kinds: Annotated[list[Kind], Meta(min_length=1, max_length=10)]
    note: Note = ""


class WebhookChange(WebhookBody):
    """The address as it shall be; paused: what happens is gathered and nothing is sent."""

    paused: bool = False


class Webhook(Answer):
    """An address that is told."""

    id: Id
    url: str
    kinds: list[str]
    note: str
    status: Literal["active", "paused"]
    paused_why: Annotated[str | None, Meta(description="by_hand, failing, or gone: the receiver said so (410).")]
    failing_since: Time | None
    created_at: Time
    secret: Annotated[str, Meta(description="Signs what is sent; shown when it is made and never again.")] | UnsetType = UNSET


class WebhookList(Answer):
    items: list[Webhook]
    next_cursor: str | None


class Deleted(Answer):
    """What is gone now."""

    id: Id


class Delivery(Answer):
    """One event (or a ping) on its way to one address. body: as it was sent; null before the first try."""

    id: Id
    event: Annotated[str | None, Meta(description="The id that the body has; null: a ping.")]
    kind: str
    status: Literal["waiting", "delivered", "failed"]
    tries: int
    created_at: Time
    tried_at: Time | None
    next_try_at: Time | None
    http_status: int | None
    took_ms: int | None
    why: Annotated[str | None, Meta(description="Why nobody answered.")]
    answer: Annotated[str | None, Meta(description="The first 1,000 characters of what the receiver said.")]
    body: dict[str, Any] | None


class DeliveryList(Answer):
    items: list[Delivery]
    next_cursor: str | None


class Event(msgspec.Struct):
    """What is sent: signed in `Tessera-Signature`, the same bytes at every try. A receiver drops an `id` that it has seen."""

    id: Id
    kind: str
    at: Time
    data: dict[str, Any]
