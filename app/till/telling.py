"""What webhooks say of an event: cards and operations as the API shows them, without what names a person or opens a card."""
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from app.cards import service as cards
from app.context import Context
from app.programs import service as programs
from app.sales import service as sales
from app.till import answers
from app.web.principal import system
from app.webhooks.store import Event

# What an address outside need not know: names and masked numbers, words typed by hand, and codes that spend.
_NOT_OF_CARD = ("code", "hints", "vouchers", "customer")
_NOT_OF_OPERATION = ("reason", "vouchers", "actor")

Data = dict[str, Any]


async def data_of(here: Context, event: Event) -> Data:
    """The `data` of an event's body. A thing is drawn as it stands now; what passed is in `details`. Raises NotFound for what is gone."""
    return await _DRAWN[event.kind](here, event)


async def _card(here: Context, event: Event) -> Data:
    assert event.card_id is not None
    drawn = await cards.get_card(here.db, event.business_id, event.card_id)
    made = msgspec.to_builtins(await answers.card(here, drawn, await _language(here, event), here.clock.now()))
    told = {name: value for name, value in made.items() if name not in _NOT_OF_CARD}
    told["customer"] = None if drawn.customer_id is None else here.ids.encode("customer", drawn.customer_id)
    if drawn.replaced_by is not None:
        told["replaced_by"] = here.ids.encode("card", drawn.replaced_by)
    return {"card": told}


async def _operation(here: Context, event: Event) -> Data:
    assert event.operation_id is not None
    found = await sales.get_operation(here.db, system(event.business_id), event.operation_id)
    made = msgspec.to_builtins(await answers.operation(here, found, await _language(here, event)))
    return {"operation": {**{name: value for name, value in made.items() if name not in _NOT_OF_OPERATION},
                          "actor": {"kind": found.actor_kind}}}


async def _pass(here: Context, event: Event) -> Data:
    return {"card": _public(here, "card", event.card_id), "wallet": _details(event)["wallet"]}


async def _tier(here: Context, event: Event) -> Data:
    told = _details(event)
    return {"card": _public(here, "card", event.card_id), "operation": _public(here, "operation", event.operation_id),
            "from": told["from"], "to": told["to"]}


async def _consent(here: Context, event: Event) -> Data:
    assert event.customer_id is not None
    told = _details(event)
    held = await cards.cards_of_customer(here.db, event.business_id, event.customer_id)
    return {"customer": _public(here, "customer", event.customer_id), "cards": [here.ids.encode("card", each.id) for each in held],
            "purpose": told["purpose"], "granted": told["granted"]}


async def _enrolment(here: Context, event: Event) -> Data:
    return {"enrolment": _public(here, "enrolment", event.enrolment_id), "card": _public(here, "card", event.card_id)}


_DRAWN: dict[str, Callable[[Context, Event], Awaitable[Data]]] = {
    "card.created": _card, "card.activated": _card, "card.blocked": _card, "card.replaced": _card, "pass.installed": _pass,
    "pass.removed": _pass, "operation.created": _operation, "tier.changed": _tier, "consent.changed": _consent,
    "enrolment.expired": _enrolment}


def _details(event: Event) -> Data:
    found: Data = msgspec.json.decode(event.details)
    return found


def _public(here: Context, kind: str, row_id: int | None) -> str | None:
    return None if row_id is None else here.ids.encode(kind, row_id)


async def _language(here: Context, event: Event) -> str:
    return (await programs.get_business(here.db, event.business_id)).language
