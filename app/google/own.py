"""An issuer that a business brings: checked against Google before it is kept, and taken out of use again."""
from datetime import datetime

from app.audit import service as audit
from app.clock import to_ms
from app.context import Context
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Invalid, NotFound
from app.google import issuers_store
from app.google.accounts import Account, Issuer, read_account, read_issuer_id
from app.google.client import Answer
from app.google.connections import Line, google
from app.google.issuers import PURPOSE, token_url
from app.google.verdicts import Verdict
from app.text import N_
from app.web.principal import Principal

DENIED = N_("Google knows %(email)s, but it may not issue cards for %(issuer)s. In the Google Pay & Wallet Console, under Users, invite it "
            "with the role Developer, wait a few minutes, and try again.")
DISABLED = N_("The Google Wallet API is switched off in the project of this key. Switch it on in Google Cloud’s console, wait a few "
              "minutes, and try again.")
UNKNOWN_KEY = N_("Google does not know this key: it was deleted, or its service account was. Make a new key and send that file.")
AWAY = N_("Google does not answer at the moment, so nothing was kept. Try again in a few minutes.")
ODD = N_("Google refused the check with “%(reason)s”, so nothing was kept.")
DISABLED_REASONS = ("accessNotConfigured", "SERVICE_DISABLED")


async def bring(here: Context, who: Principal, issuer_id: str, key_file: bytes, now: datetime) -> int:
    """Keep an issuer for the business's new cards; returns its row. An earlier key of the same issuer is replaced.

    Google is asked first: a token, and whether the account may see the issuer's classes. Raises Invalid (fields issuer_id, account)
    with a sentence that says what to do, having written nothing.
    """
    digits, account = read_issuer_id(issuer_id), read_account(key_file)
    await _check(here, digits, account)
    sealed = here.ring.seal(PURPOSE, key_file, str(who.business_id).encode())

    async def act(tx: Transaction) -> int:
        await issuers_store.retire(tx, who.business_id, now, issuer_id=digits)
        row_id = await issuers_store.insert_issuer(tx, {
            "business_id": who.business_id, "issuer_id": digits, "client_email": account.client_email, "account_sealed": sealed,
            "now": to_ms(now), "created_by": who.name})
        await audit.record(tx, who, "google.issuer_brought", "google_issuer", row_id, {"issuer": digits}, now=now)
        return row_id

    return await write_transaction(here.db, act)


async def retire(db: Database, who: Principal, row_id: int, now: datetime) -> None:
    """New cards go to another issuer from now on; those that are at this one stay there and are kept true. Raises NotFound."""
    async def act(tx: Transaction) -> None:
        if not await issuers_store.retire(tx, who.business_id, now, row_id=row_id):
            raise NotFound()
        await audit.record(tx, who, "google.issuer_retired", "google_issuer", row_id, now=now)

    await write_transaction(db, act)


async def _check(here: Context, issuer_id: str, account: Account) -> None:
    line = Line(google(here), Issuer(issuer_id, account, token_url(here)))
    token = await line.tokens.get()
    if isinstance(token, Answer):
        raise _wrong("account", UNKNOWN_KEY if token.status in (400, 401) else AWAY)
    outcome = await line.look()
    if outcome.verdict is Verdict.DONE:
        return
    if outcome.verdict is Verdict.UNAVAILABLE:
        raise _wrong("account", AWAY)
    if outcome.answer.reason in DISABLED_REASONS:
        raise _wrong("account", DISABLED)
    if outcome.answer.status in (401, 403, 404):
        raise _wrong("issuer_id", DENIED, email=account.client_email, issuer=issuer_id)
    raise _wrong("account", ODD, reason=outcome.reason or str(outcome.answer.status))


def _wrong(field: str, sentence: str, **params: str) -> Invalid:
    return Invalid(fields=[FieldError(field, "google", sentence)], params=dict(params))
