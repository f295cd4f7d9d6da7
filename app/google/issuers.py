"""Whose issuer a card goes to: the business's own, else the server's."""
import logging
from urllib.parse import urlsplit

from app.context import Context
from app.errors import Invalid
from app.google import issuers_store as store
from app.google.accounts import TOKENS, Issuer, read_account
from app.google.connections import google
from app.google.issuers_store import IssuerRow
from app.programs import service as programs
from app.secrets import CannotOpen

log = logging.getLogger("tessera.google")

PURPOSE = "google.account"
SERVERS = 0


def server_issuer(here: Context) -> Issuer | None:
    """The one of the settings, read once; None where there is none, or where its file cannot be used (the log and `doctor` say why)."""
    if not here.settings.google_issuer:
        return None
    try:
        return opened_server(here)
    except Invalid as wrong:
        log.error("no cards go to Google Wallet: TESSERA_GOOGLE_ACCOUNT: %s", wrong.fields[0].detail)
        return None


def opened_server(here: Context) -> Issuer:
    """The settings' issuer, where they name one; its key is parsed once a process. Raises Invalid."""
    kept, settings = google(here).issuers, here.settings
    key = (SERVERS, settings.google_issuer)
    if key not in kept:
        account = read_account(settings.google_account)
        kept[key] = Issuer(settings.google_issuer, account, settings.google_token or account.token_uri or TOKENS)
    return kept[key]


async def issuer_for(here: Context, business_id: int) -> Issuer | None:
    """Who issues the business's new cards; None: nobody, and always for a sandbox: nothing of it is told to Google."""
    if (await programs.get_business(here.db, business_id)).is_sandbox:
        return None
    for row in await store.issuers_of(here.db, business_id):
        if row.retired_at is None:
            return _usable(here, row)
    return server_issuer(here)


async def issuer_of(here: Context, business_id: int, issuer_id: str) -> Issuer | None:
    """Who keeps the business's cards of this issuer id true; a retired issuer goes on with its own as long as its key works."""
    for row in await store.issuers_of(here.db, business_id):
        if row.issuer_id == issuer_id:
            return _usable(here, row)
    server = server_issuer(here)
    return server if server is not None and server.issuer_id == issuer_id else None


def _usable(here: Context, row: IssuerRow) -> Issuer | None:
    """None where its key does not open any more: card pages go on without the button, and `doctor` says what to do."""
    try:
        return opened(here, row)
    except (Invalid, CannotOpen) as problem:
        log.error("the key of Google issuer %s cannot be used: %s", row.issuer_id, type(problem).__name__)
        return None


def opened(here: Context, row: IssuerRow) -> Issuer:
    """A business's issuer; its key is parsed once a process. Raises CannotOpen and Invalid."""
    kept, key = google(here).issuers, (row.id, row.issuer_id)
    if key not in kept:
        account = read_account(here.ring.open(PURPOSE, row.account_sealed, str(row.business_id).encode()))
        kept[key] = Issuer(row.issuer_id, account, token_url(here), row.id)
    return kept[key]


def token_url(here: Context) -> str:
    """Where a business's tokens come from: never what its file names, for the server itself would post there."""
    return here.settings.google_token or TOKENS


def origin(address: str) -> str:
    """`https://host` of an address."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
