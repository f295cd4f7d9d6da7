"""The save link: made at the press of the button, never stored and never logged, for whoever has it can take the card."""
import asyncio
from datetime import datetime

from app import secrets
from app.cards.service import Card
from app.clock import to_ms
from app.context import Context
from app.db import Transaction, write_transaction
from app.errors import Refused, Unavailable
from app.google import checks, store
from app.google.connections import CURSOR, Google, google
from app.google.issuers import issuer_for, issuer_of, origin
from app.google.queue import LEASE
from app.google.reconcile import FIRST_LOOK
from app.google.rules import make_id
from app.google.sending import send_object
from app.google.store import OBJECTS, ObjectRow
from app.google.tokens import sign
from app.google.verdicts import Verdict
from app.text import N_
from app.updates import service as updates

CLASS_LETTERS, OBJECT_LETTERS = 16, 22
LONGEST = 1800                          # Google: longer links are cut by browsers
# A person waits: after this the web card is the better answer.
PATIENCE_SECONDS = 9.0


class NotSetUp(Unavailable):
    """Nobody issues this business's cards at Google."""

    code, detail = "google_not_set_up", N_("Cards for Google Wallet are not set up on this server. The card's page works without them.")


class GoogleAway(Unavailable):
    """Google does not answer, or not yet."""

    code, detail = "google_away", N_("Google Wallet does not answer at the moment. Try again in a few minutes. The card on this page "
                                     "works meanwhile.")


class GoogleRefuses(Refused):
    """Google takes no card of this business, and a person has to see to it."""

    code, detail = "google_refuses", N_("Google Wallet does not take this card at the moment. The card on this page works all the same.")


async def save_link(here: Context, card: Card, now: datetime) -> str:
    """Where the shopper's browser goes to save the card; class and object are at Google by then.

    Raises NotSetUp, GoogleAway (503) and GoogleRefuses (409), each with a sentence for the shopper.
    """
    made = google(here)
    row = await _ensure(here, card, now)
    if not row.is_created:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await _bring(made, row, now)
        except TimeoutError as late:
            raise GoogleAway(retry_after=60) from late
    await write_transaction(here.db, lambda tx: store.reconcile_at(tx, row.id, now + FIRST_LOOK))
    return await _signed(made, await store.get_object(here.db, row.id))


async def _ensure(here: Context, card: Card, now: datetime) -> ObjectRow:
    """The card's row; with the first press it gets its id at the issuer that its business has now, and keeps both."""
    found = await store.find_object(here.db, card.business_id, card.id)
    if found is not None:
        return found
    issuer = await issuer_for(here, card.business_id)
    if issuer is None:
        raise NotSetUp()
    class_id = make_id(issuer.issuer_id, secrets.new_token(CLASS_LETTERS))
    object_id = make_id(issuer.issuer_id, secrets.new_token(OBJECT_LETTERS))

    async def act(tx: Transaction) -> ObjectRow:
        await store.insert_class(tx, {"business_id": card.business_id, "program_id": card.program_id, "issuer_id": issuer.issuer_id,
                                      "class_id": class_id, "now": to_ms(now)})
        kept = await store.find_class(tx, card.program_id, issuer.issuer_id)
        assert kept is not None
        if not await updates.find_cursor(tx, CURSOR):
            # The first card of all: what changed before it concerns nobody at Google.
            await updates.set_cursor(tx, CURSOR, await updates.newest(tx))
        await store.insert_object(tx, {"business_id": card.business_id, "card_id": card.id, "class_row_id": kept.id,
                                       "object_id": object_id, "number": await updates.newest_of(tx, card.id), "now": to_ms(now)})
        made = await store.find_object(tx, card.business_id, card.id)
        assert made is not None
        return made

    return await write_transaction(here.db, act)


async def _bring(made: Google, row: ObjectRow, now: datetime) -> None:
    """Make the object at Google now, under a claim; where the job has it in hand, wait for the job."""
    db = made.here.db
    taken = await write_transaction(db, lambda tx: store.claim(tx, OBJECTS, [row.id], now, now + LEASE))
    if not taken:
        await _wait_for(made, row)
        return
    outcome = await send_object(made, await store.get_object(db, row.id))
    if outcome.verdict is Verdict.UNAVAILABLE:
        raise GoogleAway(retry_after=60)
    if outcome.verdict is not Verdict.DONE:
        raise GoogleRefuses()


async def _wait_for(made: Google, row: ObjectRow) -> None:
    """Until the object is there; the caller's patience ends this."""
    while not (await store.get_object(made.here.db, row.id)).is_created:
        await made.sleep(0.2)


async def _signed(made: Google, row: ObjectRow) -> str:
    here = made.here
    kept = await store.get_class(here.db, row.class_row_id)
    issuer = await issuer_of(here, row.business_id, kept.issuer_id)
    if issuer is None:
        raise NotSetUp()
    claims = {"iss": issuer.account.client_email, "aud": "google", "typ": "savetowallet",
              "iat": int(made.line(issuer).tokens.now().timestamp()), "origins": [origin(here.settings.url)],
              # Google keeps what was inserted and ignores whatever more a link says of a known card.
              "payload": {"loyaltyObjects": [{"id": row.object_id, "classId": kept.class_id}]}}
    assert not checks.problems_of("SaveJwtClaims", claims)
    token = sign(issuer, claims)
    assert len(token) <= LONGEST
    return here.settings.google_save + token
