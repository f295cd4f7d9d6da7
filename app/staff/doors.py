"""How staff come in: by a password, by what they owe after it, or by a passkey alone. What a session is stands in sessions.py."""
from collections.abc import Sequence
from datetime import datetime

from app import secrets
from app.audit import service as audit
from app.db import Database, Row, Transaction, write_transaction
from app.errors import Forbidden, Invalid, Unauthenticated
from app.secrets import KeyRing
from app.staff import factors, passkeys, passwords, rules, sessions, steps, store, tries
from app.staff.passkeys import Site
from app.staff.rules import EMAIL, EMAIL_HASH, Account
from app.staff.steps import Step, StepGone
from app.text import N_
from app.web.principal import Principal


class SecondStep(Unauthenticated):
    """The password was right and does not open a session alone. token: of the step that was begun, for its cookie."""

    code = "second_factor_needed"
    detail = N_("The password is right. Now show the second factor.")

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token


class NobodyThere(Unauthenticated):
    """Their access was taken away while they signed in."""

    code = "wrong_password"
    detail = tries.WrongPassword.detail


def account_of(row: Row) -> Account:
    """The account of a row of `staff`."""
    return Account("staff", row["id"], row["business_id"])


async def sign_in(db: Database, ring: KeyRing, email: str, password: str, kind: str, address: str, now: datetime, *,
                  agent: str = "") -> tuple[str, Principal]:
    """A session's token and principal. kind: till or console; agent: the browser's short name.

    Raises WrongPassword (same words and work for an unknown address), LimitReached after ten tries in a quarter of an hour, and
    SecondStep where the password alone opens nothing.
    """
    try:
        folded = rules.fold_email(email)
    except Invalid:
        folded = email.strip().casefold()[:254]
    account = ring.lookup_hash(EMAIL_HASH, folded)
    row = await store.staff_by_email(db, account)
    alive = row is not None and row["disabled_at"] is None
    counted = await tries.prove(db, ring, account, row["password_hash"] if row is not None and alive else None, password, address, now)
    assert row is not None
    _check_door(row, kind)
    must_more = await _owes(db, row)
    newer = await passwords.hash_password(password) if passwords.is_outdated(row["password_hash"]) else None
    token, known = secrets.new_secret(), row

    async def act(tx: Transaction) -> Principal | None:
        await tries.take_back(tx, counted, now)
        if newer:
            await store.set_password(tx, known["id"], newer)
        if must_more is not None:
            await steps.begin(tx, ring, account_of(known), kind, token, must_more, now)
            return None
        return await _open(tx, ring, known, kind, token, now, agent, address, "password")

    principal = await write_transaction(db, act)
    if principal is None:
        raise SecondStep(token)
    return token, principal


def _check_door(row: Row, kind: str) -> None:
    if kind == "console" and rules.is_at_till(row["role"]):
        raise Forbidden(N_("The console is for managers and owners. Cashiers sign in at the till."), code="till_only")


async def _owes(db: Database, row: Row) -> bool | None:
    """None where the password is enough; else whether a factor must be set up first, since the business wants one."""
    has_any = await factors.has_any(db, account_of(row))
    if not rules.needs_more(row["role"], has_any, await factors.is_required(db, row["business_id"])):
        return None
    return not has_any


async def _open(tx: Transaction, ring: KeyRing, row: Row, kind: str, token: str, now: datetime, agent: str, address: str,
                factor: str) -> Principal:
    principal = await sessions.begin(tx, ring, row, kind, token, now, agent=agent, address=address, factor=factor)
    await audit.record(tx, principal, "staff.signed_in", "staff", row["id"], {"session": kind, "factor": factor}, now=now)
    return principal


async def finish(db: Database, ring: KeyRing, step: Step, typed: str, address: str, now: datetime, *,
                 agent: str = "") -> tuple[str, Principal, Sequence[str]]:
    """The second factor: (token, principal, recovery codes of an app that was set up here). Raises WrongCode, LimitReached, StepGone."""
    row, token = await _alive(db, step.account), secrets.new_secret()

    async def then(tx: Transaction, factor: str, codes: Sequence[str]) -> Principal:
        principal = await _open(tx, ring, row, step.kind, token, now, agent, address, factor)
        if codes:
            await audit.record(tx, principal, "staff.factor_added", "staff", row["id"], {"factor": "totp"}, now=now)
        return principal

    principal, codes = await steps.prove(db, ring, step, typed, now, then)
    return token, principal, codes


async def by_passkey(db: Database, site: Site, ring: KeyRing, kind: str, ticket: str, answer: str, address: str, now: datetime, *,
                     agent: str = "") -> tuple[str, Principal]:
    """A session without a password: the device has looked at its owner. Raises WrongPasskey and, at the wrong door, Forbidden."""
    account, used = await passkeys.whose(db, site, ring, "staff", ticket, answer, now)
    row, token = await _alive(db, account), secrets.new_secret()
    _check_door(row, kind)

    async def act(tx: Transaction) -> Principal:
        await passkeys.use(tx, ring, used, now)
        return await _open(tx, ring, row, kind, token, now, agent, address, "passkey")

    return token, await write_transaction(db, act)


async def email_of(db: Database, ring: KeyRing, account: Account) -> str:
    """Whose step it is, as an app names it. Raises NobodyThere."""
    return ring.open_text(EMAIL, (await _alive(db, account))["email_sealed"])


async def _alive(db: Database, account: Account) -> Row:
    """Raises NobodyThere where their access was taken away."""
    if account.kind != "staff" or account.business_id is None:
        raise StepGone()
    row = await store.staff_of(db, account.business_id, account.id)
    if row is None or row["disabled_at"] is not None:
        raise NobodyThere()
    return row
