"""Cards and operations of the coalitions that a business takes part in: asked for only where it has no such thing of its own."""
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from app.cards import service as cards
from app.cards.service import Card
from app.coalition import service as coalition
from app.context import Context
from app.errors import NotFound
from app.idempotency.rules import Key
from app.sales import service as sales
from app.web.principal import Principal

T = TypeVar("T")


async def card_of(here: Context, who: Principal, card_id: int) -> tuple[Card, Principal]:
    """A card of the business or of one of its coalitions, and who works on it. Raises NotFound."""
    async def own(acting: Principal) -> tuple[Card, Principal]:
        return await cards.get_card(here.db, acting.business_id, card_id), acting

    return await at_card(here, who, card_id, own)


async def at_card(here: Context, who: Principal, card_id: int, act: Callable[[Principal], Awaitable[T]]) -> T:
    """What `act` gives at home; where the card is none of the business's, what it gives as a member of the card's coalition.

    `act` raises NotFound having done nothing.
    """
    try:
        return await act(who)
    except NotFound:
        for coalition_id in await coalition.coalitions_of(here.db, who.business_id):
            if await _has_card(here, coalition_id, card_id):
                return await act(await coalition.acting_for(here.db, who, coalition_id))
        raise


async def _has_card(here: Context, business_id: int, card_id: int) -> bool:
    try:
        await cards.get_card(here.db, business_id, card_id)
    except NotFound:
        return False
    return True


async def at_operation(here: Context, who: Principal, operation_id: int, act: Callable[[Principal], Awaitable[T]]) -> T:
    """The same for an operation; those that another member made, or the coalition itself, are not there for this one."""
    try:
        return await act(who)
    except NotFound:
        for coalition_id in await coalition.coalitions_of(here.db, who.business_id):
            acting = await coalition.acting_for(here.db, who, coalition_id)
            if await _made(here, acting, operation_id):
                return await act(acting)
        raise


async def _made(here: Context, acting: Principal, operation_id: int) -> bool:
    try:
        found = await sales.get_operation(here.db, acting, operation_id)
    except NotFound:
        return False
    return found.acting_business_id == acting.acting_business_id


def key_for(acting: Principal, key: Key | None) -> Key | None:
    """The caller's key as a coalition remembers it: members choose theirs without knowing of each other's."""
    if key is None or acting.business_id == acting.acting_business_id:
        return key
    return replace(key, text=f"{acting.acting_business_id}/{key.text}")
