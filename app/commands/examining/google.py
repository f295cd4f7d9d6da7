"""Google's side: each issuer's key and rights, its classes as Google sees them, and whether Google ever called back."""
from collections.abc import AsyncIterator
from datetime import timedelta

from app.commands import store
from app.commands.examining.line import Line
from app.context import Context
from app.errors import Invalid
from app.google import connections, issuers, issuers_store
from app.google import store as google_store
from app.google.accounts import Issuer
from app.google.client import Answer
from app.google.connections import Outcome
from app.google.store import ClassRow
from app.google.verdicts import Verdict
from app.secrets import CannotOpen

MOST_CLASSES = 20
CLOCKS_APART = timedelta(minutes=2)
CONSOLE = "the Google Pay & Wallet Console"
NEW_KEY = "Make a new key for the service account in Google Cloud, and put it in place of this one."


async def google(context: Context) -> AsyncIterator[Line]:
    """Nothing at all where nobody has an issuer."""
    try:
        if context.settings.google_issuer:
            async for line in _server(context):
                yield line
        for business_id, name in await store.businesses_with_issuers(context.db):
            async for line in _business(context, business_id, name):
                yield line
        for failed in await google_store.troubles(context.db):
            yield Line("warn", f"{failed['cards']} cards of issuer {failed['issuer_id']} wait or were refused by Google: "
                               f"{failed['last_status'] or 'no answer'} {failed['last_reason'] or ''}".strip() + ".",
                       "What waits is tried again by itself; what was refused is tried with the card's next change.")
    finally:
        await connections.close(context)


async def _server(context: Context) -> AsyncIterator[Line]:
    try:
        issuer = issuers.opened_server(context)
    except Invalid as wrong:
        yield Line("fail", f"TESSERA_GOOGLE_ACCOUNT cannot be used: {wrong.fields[0].detail}", NEW_KEY)
        return
    async for line in _issuer(context, issuer, ""):
        yield line


async def _business(context: Context, business_id: int, name: str) -> AsyncIterator[Line]:
    for row in await issuers_store.issuers_of(context.db, business_id):
        if row.retired_at is not None:
            continue
        try:
            issuer = issuers.opened(context, row)
        except (Invalid, CannotOpen):
            yield Line("fail", f"{name}: the key of Google issuer {row.issuer_id} cannot be opened.",
                       "Put the key back into TESSERA_SECRET_KEY that it was stored with, or bring the service account's file again.")
            continue
        async for line in _issuer(context, issuer, f"{name}: "):
            yield line


async def _issuer(context: Context, issuer: Issuer, whose: str) -> AsyncIterator[Line]:
    """Asks for a token, then for a class of the issuer: the first shows the key, the second the right to the issuer."""
    line = connections.google(context).line(issuer)
    token = await line.tokens.get()
    skew = abs(line.tokens.offset)
    if isinstance(token, Answer):
        yield _no_token(issuer, whose, token)
        return
    asked = await line.look()
    if asked.answer.date is not None:
        skew = max(skew, abs(asked.answer.date - context.clock.now()))
    if skew > CLOCKS_APART:
        yield Line("fail", f"The clock of this machine differs from Google's by {skew // timedelta(minutes=1)} minutes.",
                   "Set the clock (timedatectl set-ntp true): signatures, links and points are judged by it.")
    if asked.verdict is not Verdict.DONE:
        yield _refused(issuer, whose, asked)
        return
    yield Line("ok", f"{whose}Google issuer {issuer.issuer_id} takes {issuer.account.client_email}.")
    for row in await google_store.classes_at(context.db, issuer.issuer_id, MOST_CLASSES):
        async for found in _class(context, line, row, whose):
            yield found


def _no_token(issuer: Issuer, whose: str, answer: Answer) -> Line:
    said = f"{answer.status or 'no answer'} {answer.reason} {answer.message}".strip()
    if answer.status == 0 or answer.status >= 500:
        return Line("warn", f"{whose}Google's token address {issuer.token_url} cannot be reached ({said}).",
                    "Cards in Google Wallet are brought up to date once it can. Can this machine reach it?")
    return Line("fail", f"{whose}Google refuses the key of {issuer.account.client_email} ({said}).", NEW_KEY)


def _refused(issuer: Issuer, whose: str, asked: Outcome) -> Line:
    said = f"{asked.answer.status or 'no answer'} {asked.reason}".strip()
    if asked.verdict is Verdict.UNAVAILABLE:
        return Line("warn", f"{whose}Google Wallet does not answer ({said}).", "Its cards are brought up to date once it does.")
    return Line("fail", f"{whose}{issuer.account.client_email} may not use Google issuer {issuer.issuer_id} ({said}).",
                f"Is the issuer id the one that {CONSOLE} shows? Then add the service account there under Users as a Developer "
                "(a role in Google Cloud is not enough), and enable the Google Wallet API in its project. A new right needs minutes.")


async def _class(context: Context, line: connections.Line, row: ClassRow, whose: str) -> AsyncIterator[Line]:
    """A programme's class: refused, not approved, or never called back about."""
    if row.last_reason and not row.is_created:
        yield Line("fail", f"{whose}Google refused the class {row.class_id}: {row.last_status} {row.last_reason}.",
                   "Change what it speaks of on the programme's look page; it is sent again by itself.")
    if not row.is_created:
        return
    found = await line.call("GET", f"/loyaltyClass/{row.class_id}")
    status = str(found.answer.body.get("reviewStatus") or row.review_status or "").replace("_", "").upper()
    if status in ("UNDERREVIEW", "DRAFT"):
        yield Line("warn", f"{whose}Google still reviews the class {row.class_id}: its cards cannot be saved yet.",
                   f"It is approved by itself within minutes; if not, ask for publishing access in {CONSOLE}.")
    elif status == "REJECTED":
        yield Line("fail", f"{whose}Google rejected the class {row.class_id}.", f"{CONSOLE[0].upper()}{CONSOLE[1:]} says why.")
    _, held, _ = await google_store.counts_of(context.db, row.id)
    if held and row.callback_at is None and context.settings.is_https:
        yield Line("warn", f"{whose}Google has never called back about the class {row.class_id}, though {held} of its cards are held.",
                   f"Can Google reach {context.settings.address('/google/callback')}? A login, a bot filter or robots.txt in front of it "
                   "silences it; cards stay right without, but removals are noticed late.")
