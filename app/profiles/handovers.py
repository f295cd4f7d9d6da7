"""A card on another phone: a link that works once, for ten minutes, and that only a press on that phone uses up."""
from datetime import datetime

from app import secrets
from app.audit import service as audit
from app.cards import service as cards
from app.cards.rules import Card, check_can_change
from app.clock import to_ms
from app.context import Context
from app.db import Transaction, write_transaction
from app.errors import NotFound
from app.limits import service as limits
from app.limits.rules import Limit
from app.profiles import rules, store
from app.web.principal import shopper

DAY_SECONDS = 86_400


def _hash(here: Context, token: str) -> bytes:
    return here.ring.lookup_hash("profile.handover", token)


async def make(here: Context, card: Card, now: datetime) -> str:
    """The token of a new link; the one before works no more. Raises CardBlocked, CardEnded, LimitReached."""
    check_can_change(card, allow=("active",))
    token = secrets.new_token(rules.TOKEN_LENGTH)

    async def act(tx: Transaction) -> None:
        await limits.hit(tx, [Limit("handover.card", str(card.id), DAY_SECONDS, rules.HANDOVERS_A_DAY)], now)
        await store.end_handovers(tx, card.business_id, card.id, to_ms(now))
        await store.append_handover(tx, {"business_id": card.business_id, "card_id": card.id, "token_hash": _hash(here, token),
                                         "now": to_ms(now), "expires_at": to_ms(now + rules.HANDOVER_LIFE)})

    await write_transaction(here.db, act)
    return token


async def find(here: Context, token: str, now: datetime) -> Card:
    """The card that a link would open; looking uses nothing up. Raises NotFound for unknown, used and old links alike."""
    row = await store.find_handover(here.db, _hash(here, token), to_ms(now)) if secrets.is_token(token, rules.TOKEN_LENGTH) else None
    if row is None:
        raise NotFound()
    card = await cards.get_card(here.db, row["business_id"], row["card_id"])
    if card.status != "active":
        raise NotFound()
    return card


async def use(here: Context, token: str, now: datetime) -> str:
    """Uses the link up; gives the token of the card's page. Raises NotFound as `find`."""
    await find(here, token, now)

    async def act(tx: Transaction) -> str:
        row = await store.consume_handover(tx, _hash(here, token), to_ms(now))
        if row is None:
            raise NotFound()
        card = await cards.get_card(tx, row["business_id"], row["card_id"])
        await audit.record(tx, shopper(card.business_id, card.customer_id), "card.handed_over", "card", card.id, now=now)
        return await cards.page_link(tx, here.ring, card, "card", now)

    return await write_transaction(here.db, act)
