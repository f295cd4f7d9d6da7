"""Whoever runs the server: how they come in, and what they do to businesses. Customers, cards, phones and texts are not theirs to see.

What an operator did is kept in operator_acts; what concerns a business stands in its own audit log as well, so that its owners read it.
"""
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app import secrets
from app.audit import service as audit
from app.clock import from_ms, to_ms
from app.console import founding
from app.db import Database, Row, Transaction, write_transaction
from app.errors import Expired, Invalid, NotFound
from app.limits import service as limits
from app.operators import rules, store
from app.operators.rules import Business
from app.secrets import KeyRing
from app.staff import factors, keys, passwords, steps, tries
from app.staff import rules as staff_rules
from app.staff import service as staff
from app.staff.doors import SecondStep
from app.staff.rules import Account
from app.staff.steps import Step, StepGone
from app.text import N_
from app.web.principal import Principal

DAY = timedelta(days=1)
SEEN_EVERY_MS = 60_000


class LinkGone(Expired):
    code = "link_gone"
    detail = N_("This sign-in link was used already or is too old. Run the operator command again.")


# Coming in.

async def invite(tx: Transaction, ring: KeyRing, email: str, token: str, now: datetime) -> None:
    """`token` becomes a link that sets the password of the operator with this address, who is made if need be; earlier ones end."""
    folded = staff_rules.fold_email(email)
    email_hash = ring.lookup_hash(rules.EMAIL_HASH, folded)
    operator_id = await store.append_operator(tx, {"name": folded.partition("@")[0], "email_sealed": ring.seal_text(rules.EMAIL, folded),
                                                   "email_hash": email_hash, "created_at": to_ms(now)})
    if operator_id is None:
        known = await store.by_email(tx, email_hash)
        assert known is not None
        operator_id = int(known["id"])
    await store.end_links(tx, operator_id, to_ms(now))
    await store.append_link(tx, {"operator_id": operator_id, "token_hash": ring.lookup_hash(rules.LINK, token), "created_at": to_ms(now),
                                 "expires_at": to_ms(now + timedelta(seconds=rules.LINK_SECONDS))})
    await _note(tx, operator_id, "operator.invited", None, {}, now)


async def peek_link(db: Database, ring: KeyRing, token: str, now: datetime) -> str:
    """The address of whom a live link is for; changes nothing. Raises LinkGone."""
    row = await store.live_link(db, ring.lookup_hash(rules.LINK, token), to_ms(now))
    if row is None:
        raise LinkGone()
    return ring.open_text(rules.EMAIL, row["email_sealed"])


async def use_link(db: Database, ring: KeyRing, token: str, password: str, now: datetime) -> str:
    """Consumes a link, sets the password, ends every session of theirs and begins one: its token. Raises LinkGone or Invalid."""
    staff_rules.check_password(password, await peek_link(db, ring, token, now))
    password_hash, session = await passwords.hash_password(password), secrets.new_secret()

    async def act(tx: Transaction) -> None:
        operator_id = await store.consume_link(tx, ring.lookup_hash(rules.LINK, token), to_ms(now))
        if operator_id is None:
            raise LinkGone()
        await store.set_password(tx, operator_id, password_hash)
        await store.end_sessions(tx, operator_id, to_ms(now))
        # Made by a command on the server itself: for somebody who lost their phone, too.
        await factors.clear(tx, rules.account(operator_id), now)
        await _begin(tx, ring, operator_id, session, now)
        await _note(tx, operator_id, "operator.password_set", None, {}, now)

    await write_transaction(db, act)
    return session


async def sign_in(db: Database, ring: KeyRing, email: str, password: str, address: str, now: datetime) -> str:
    """A session's token. Raises WrongPassword (the same for an unknown address), LimitReached, and SecondStep where there is an app."""
    try:
        folded = staff_rules.fold_email(email)
    except Invalid:
        folded = email.strip().casefold()[:254]
    account = ring.lookup_hash(rules.EMAIL_HASH, folded)
    row = await store.by_email(db, account)
    alive = row is not None and row["disabled_at"] is None
    counted = await tries.prove(db, ring, account, row["password_hash"] if row is not None and alive else None, password, address, now)
    assert row is not None
    operator_id, session = int(row["id"]), secrets.new_secret()
    owes_more = await factors.has_any(db, rules.account(operator_id))

    async def act(tx: Transaction) -> None:
        await tries.take_back(tx, counted, now)
        if owes_more:
            await steps.begin(tx, ring, rules.account(operator_id), rules.STEP_KIND, session, False, now)
            return
        await _begin(tx, ring, operator_id, session, now)
        await _note(tx, operator_id, "operator.signed_in", None, {}, now)

    await write_transaction(db, act)
    if owes_more:
        raise SecondStep(session)
    return session


async def finish(db: Database, ring: KeyRing, step: Step, typed: str, now: datetime) -> str:
    """The second factor: a session's token. Raises WrongCode, LimitReached and StepGone."""
    session = secrets.new_secret()
    if step.account.kind != "operator":
        raise StepGone()

    async def then(tx: Transaction, factor: str, codes: Sequence[str]) -> None:
        known = await store.operator(tx, step.account.id)
        if known is None or known["disabled_at"] is not None:
            raise StepGone()
        await _begin(tx, ring, step.account.id, session, now)
        await _note(tx, step.account.id, "operator.signed_in", None, {"factor": factor}, now)

    await steps.prove(db, ring, step, typed, now, then)
    return session


async def set_up_app(db: Database, ring: KeyRing, who: Principal, key: bytes, typed: str, now: datetime) -> Sequence[str]:
    """An authenticator app in the place of none; its recovery codes, to be shown once. Raises WrongCode and LimitReached."""
    codes = factors.new_recovery_codes()

    async def act(tx: Transaction, account: Account) -> None:
        if await factors.has_any(tx, account):
            raise StepGone()
        await factors.keep_app(tx, ring, account, key, typed, now)
        await factors.keep_recovery_codes(tx, ring, account, codes, now)
        await _note(tx, account.id, "operator.factor_added", None, {}, now)

    await _guessed(db, who, now, act)
    return codes


async def remove_app(db: Database, ring: KeyRing, who: Principal, typed: str, now: datetime) -> None:
    """Takes a code of it, or a recovery code. Raises WrongCode and LimitReached."""
    async def act(tx: Transaction, account: Account) -> None:
        await factors.take(tx, ring, account, typed, now)
        await factors.remove_app(tx, account)
        await _note(tx, account.id, "operator.factor_removed", None, {}, now)

    await _guessed(db, who, now, act)


async def _guessed(db: Database, who: Principal, now: datetime, act: Callable[[Transaction, Account], Awaitable[None]]) -> None:
    """`act` with a code that was typed: counted before it is looked at, and taken back where it was right."""
    assert who.id is not None
    account = rules.account(who.id)
    counted = factors.code_limits(account)
    await write_transaction(db, lambda tx: limits.hit(tx, counted, now))

    async def both(tx: Transaction) -> None:
        await act(tx, account)
        await limits.take_back(tx, counted, now)

    await write_transaction(db, both)


async def _begin(tx: Transaction, ring: KeyRing, operator_id: int, token: str, now: datetime) -> None:
    await store.append_session(tx, {"operator_id": operator_id, "token_hash": ring.lookup_hash(rules.SESSION, token),
                                    "created_at": to_ms(now), "expires_at": to_ms(now + timedelta(seconds=rules.LIFE_SECONDS))})


async def principal_of_session(db: Database, ring: KeyRing, token: str, now: datetime) -> Principal | None:
    """Who stands behind a session's cookie, or None. An operator is of no business: 0, whose things there are none."""
    row, now_ms = await store.session(db, ring.lookup_hash(rules.SESSION, token)), to_ms(now)
    if row is None or not rules.is_live(row["created_at"], row["seen_at"], row["expires_at"], now_ms):
        return None
    if now_ms - row["seen_at"] >= SEEN_EVERY_MS:
        await write_transaction(db, lambda tx: store.set_seen(tx, row["id"], now_ms))
    return Principal(0, 0, "operator", row["operator_id"], row["name"], session_id=row["id"])


async def sign_out(db: Database, who: Principal, now: datetime) -> None:
    async def act(tx: Transaction) -> None:
        assert who.session_id is not None and who.id is not None
        await store.end_session(tx, who.session_id, to_ms(now))
        await _note(tx, who.id, "operator.signed_out", None, {}, now)

    await write_transaction(db, act)


# Businesses.

async def businesses(db: Database, now: datetime) -> list[Business]:
    """All but sandboxes, open ones first."""
    async with db.transaction(readonly=True) as tx:
        return [_business(row) for row in await store.businesses(tx, to_ms(now - DAY))]


async def get_business(db: Database, business_id: int, now: datetime) -> Business:
    """Raises NotFound."""
    async with db.transaction(readonly=True) as tx:
        row = await store.business(tx, business_id, to_ms(now - DAY))
    if row is None:
        raise NotFound()
    return _business(row)


def _business(row: Row) -> Business:
    return Business(row["id"], row["slug"], row["name"], from_ms(row["created_at"]),
                    from_ms(row["closed_at"]) if row["closed_at"] else None, row["cards_now"], row["messages_now"], row["keys_now"],
                    int(row["storage_now"]),
                    row["messages_day"], row["cards"], row["key_per_second"], row["storage_bytes"])


async def found(db: Database, ring: KeyRing, who: Principal, wish: founding.Wish, email: str, token: str, now: datetime) -> int:
    """A business and its owner, for whom `token` becomes a one-time link. Raises Invalid, SlugTaken, AddressTaken."""
    async def act(tx: Transaction) -> int:
        made = await founding.found(tx, wish, now)
        owner_id = await staff.create_staff(tx, ring, made.business_id, email=email, name=email.strip().partition("@")[0] or email,
                                            role="owner", language=wish.language, now=now)
        await staff.create_link(tx, ring, made.business_id, owner_id, token, now)
        await _told(tx, who, made.business_id, "business.founded", {"slug": wish.slug}, now)
        return made.business_id

    return await write_transaction(db, act)


async def set_closed(db: Database, who: Principal, business_id: int, *, closed: bool, now: datetime) -> None:
    """Nobody of a closed business comes in, and none of its keys works; what it holds stays. Raises NotFound."""
    async def act(tx: Transaction) -> None:
        known = await store.business(tx, business_id, 0)
        if known is None:
            raise NotFound()
        if (known["closed_at"] is not None) == closed:
            return
        await store.set_closed(tx, business_id, to_ms(now) if closed else None)
        if closed:
            await store.end_sessions_of(tx, business_id, to_ms(now))
        keys.forget_with(tx, db)
        await _told(tx, who, business_id, "business.closed" if closed else "business.opened", {}, now)

    await write_transaction(db, act)


async def set_limits(db: Database, who: Principal, business_id: int, limits: dict[str, int | None], now: datetime) -> None:
    """limits: each of store.LIMITS, None for none. Raises NotFound."""
    async def act(tx: Transaction) -> None:
        if await store.business(tx, business_id, 0) is None:
            raise NotFound()
        await store.set_limits(tx, business_id, limits, to_ms(now))
        keys.forget_with(tx, db)
        await _told(tx, who, business_id, "business.limited", {name: value for name, value in limits.items() if value is not None}, now)

    await write_transaction(db, act)


async def _told(tx: Transaction, who: Principal, business_id: int, action: str, details: dict[str, Any], now: datetime) -> None:
    """In both records: the server's and the business's."""
    assert who.id is not None
    await _note(tx, who.id, action, business_id, details, now)
    await audit.record(tx, Principal(business_id, business_id, "operator", who.id, who.name), action, "business", business_id, details,
                       now=now)


async def _note(tx: Transaction, operator_id: int, action: str, business_id: int | None, details: dict[str, Any], now: datetime) -> None:
    await store.append_act(tx, {"operator_id": operator_id, "business_id": business_id, "action": action, "at": to_ms(now),
                                "details": msgspec.json.encode(details).decode()})
