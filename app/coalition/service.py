"""Inviting, taking part and leaving; acting on a coalition's cards; what members owe each other for a month."""
from datetime import datetime
from zoneinfo import ZoneInfo

from app.audit import service as audit
from app.clock import to_ms
from app.coalition import clearing_store, rules, store
from app.coalition.rules import Allowed, Part, Participation, Spending, Statement
from app.coalition.store import Reader
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Forbidden, Invalid, NotFound
from app.programs import service as programs
from app.text import N_
from app.web.principal import Principal

__all__ = ["Participation", "Statement", "accept", "acting_for", "allowed_of", "coalitions_of", "end", "invite", "members", "memberships",
           "month_of", "programs_for", "statement"]


async def invite(db: Database, who: Principal, slug: str, *, earns: bool, spends: bool, fee_bp: int, now: datetime) -> int:
    """The coalition's owner invites a business by the word of its address; returns the participation's id.

    Raises Forbidden, Invalid (slug, fee, earns), AlreadyTakesPart.
    """
    _only_owner(who)
    rules.check_invitation(fee_bp, earns, spends)
    own = await programs.get_business(db, who.business_id)
    member = await programs.find_business_by_slug(db, slug.strip().lower())
    if member is None or member.id == own.id:
        raise rules.NoSuchBusiness()
    if member.currency != own.currency:
        raise rules.OtherCurrency()

    async def act(tx: Transaction) -> int:
        made = await store.append(tx, {"business_id": own.id, "member_business_id": member.id, "earns": int(earns), "spends": int(spends),
                                       "fee_bp": fee_bp, "now": to_ms(now)})
        if made is None:
            raise rules.AlreadyTakesPart()
        await audit.record(tx, who, "coalition.invited", "business", member.id, {"fee_bp": fee_bp}, now=now)
        return made

    return await write_transaction(db, act)


async def accept(db: Database, who: Principal, participation_id: int, now: datetime) -> None:
    """The member's owner takes the invitation. Raises Forbidden, NotInvited."""
    _only_owner(who)

    async def act(tx: Transaction) -> None:
        coalition_id = await store.accept(tx, who.business_id, participation_id, to_ms(now))
        if coalition_id is None:
            raise rules.NotInvited()
        await audit.record(tx, who, "coalition.joined", "business", coalition_id, now=now)

    await write_transaction(db, act)


async def end(db: Database, who: Principal, participation_id: int, now: datetime) -> None:
    """Either side ends it, or an invitation. What was earned stays where it is; tills of the member find its cards no more.

    Raises Forbidden, NotInvited where nothing is there to end.
    """
    _only_owner(who)

    async def act(tx: Transaction) -> None:
        ended = await store.end(tx, who.business_id, participation_id, to_ms(now))
        if ended is None:
            raise rules.NotInvited()
        other = ended["member_business_id"] if ended["business_id"] == who.business_id else ended["business_id"]
        await audit.record(tx, who, "coalition.left", "business", other, now=now)

    await write_transaction(db, act)


def _only_owner(who: Principal) -> None:
    if not who.may("owner") or who.business_id != who.acting_business_id:
        raise Forbidden()


async def members(reader: Reader, business_id: int) -> list[Participation]:
    """Who takes part in this coalition, or is invited to."""
    return await store.members(reader, business_id)


async def memberships(reader: Reader, member_business_id: int) -> list[Participation]:
    """What this business takes part in, or is invited to."""
    return await store.memberships(reader, member_business_id)


async def coalitions_of(reader: Reader, member_business_id: int) -> list[int]:
    """The coalitions on whose cards this business may sell now, oldest membership first."""
    return await store.coalitions_of(reader, member_business_id)


async def programs_for(reader: Reader, member_business_id: int) -> list[programs.Program]:
    """The open programmes of those coalitions."""
    return [program for coalition_id in await coalitions_of(reader, member_business_id)
            for program in await programs.list_programs(reader, coalition_id) if program.closed_at is None]


async def acting_for(reader: Reader, who: Principal, business_id: int) -> Principal:
    """Who this is when it works on things of `business_id`: itself at home, a mere cashier of a coalition that it takes part in.

    Raises NotFound for every other business.
    """
    if business_id == who.business_id:
        return who
    if await store.find(reader, business_id, who.business_id) is None:
        raise NotFound()
    return rules.acting(who, business_id)


async def allowed_of(reader: Reader, who: Principal) -> Allowed:
    """Whether sales of whoever acts earn and spend on the card at hand. Raises NotFound where the participation has ended."""
    if who.business_id == who.acting_business_id:
        return Allowed()
    found = await store.find(reader, who.business_id, who.acting_business_id)
    if found is None:
        raise NotFound()
    return Allowed(found.earns, found.spends)


async def statement(reader: Reader, business_id: int, month: str, zone: str) -> Statement:
    """A month (YYYY-MM, in `zone`) of a coalition: what each member gave, took and owes. Raises Invalid (field `month`).

    Points count in the unit of the coalition's first programme; money is what they paid under the rules of the sale that took
    them. The nets of all businesses, the coalition's own included, add up to zero.
    """
    since, until = month_of(month, zone)
    found = await programs.list_programs(reader, business_id, limit=1)
    unit = found[0].rules.unit if found else "points"
    spendings = await _spendings(reader, business_id, unit, since, until)
    pairs, accounts = rules.clear(spendings, await store.fees(reader, business_id, since, until), business_id)
    for business, amount in (await clearing_store.issued(reader, business_id, unit, since, until)).items():
        accounts.setdefault(business, rules.Account(business)).issued += amount
    for row in await clearing_store.expired(reader, business_id, unit, since, until):
        issuer = row["issuer"] or await clearing_store.origin(reader, business_id, unit, row["lot"]) or business_id
        accounts.setdefault(issuer, rules.Account(issuer)).expired += int(row["amount"])
    for member in await store.members(reader, business_id):
        if member.accepted_at is not None:
            accounts.setdefault(member.member_business_id, rules.Account(member.member_business_id))
    names = {each: (await programs.get_business(reader, each)).name for each in accounts}
    return Statement(month, unit, pairs, sorted(accounts.values(), key=lambda each: each.business_id), names)


async def _spendings(reader: Reader, business_id: int, unit: str, since: int, until: int) -> list[Spending]:
    given = await clearing_store.given(reader, business_id, unit, since, until)
    heads: dict[int, tuple[int, int, bool]] = {}
    parts: dict[int, list[Part]] = {}
    for row in await clearing_store.parts(reader, business_id, unit, since, until):
        issuer = row["issuer"] or await clearing_store.origin(reader, business_id, unit, row["lot"]) or business_id
        heads[row["id"]] = row["spender"], row["spent_minor"], since <= row["recorded_at"] < until
        parts.setdefault(row["id"], []).append(Part(issuer, row["amount"]))
    return [Spending(spender, parts[sale], minor, counts, *given.get(sale, (0, 0))) for sale, (spender, minor, counts) in heads.items()]


def month_of(month: str, zone: str) -> tuple[int, int]:
    """The moments (epoch ms) that a month begins with and ends before, in `zone`. Raises Invalid (field `month`)."""
    try:
        first = datetime.strptime(month, "%Y-%m").replace(tzinfo=ZoneInfo(zone))
    except ValueError as error:
        raise Invalid(fields=[FieldError("month", "month", N_("Write the month as 2026-11."))]) from error
    following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return to_ms(first), to_ms(following)
