"""Everybody who may knock at a door: people by role and part, keys of each scope, the server's operator, and whose time is over."""
from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app import secrets
from app.db import write_transaction
from app.operators import service as operators
from app.programs import service as programs
from app.sandbox import service as sandbox
from app.staff import service as staff
from app.web.principal import ROLES, SCOPES
from tests.shops import add_person

if TYPE_CHECKING:
    from tests.conftest import Shop
    from tests.flows.world import Caller, Row, World

# Who works in each business, by name: the role, and what of the business they are kept to.
PEOPLE: dict[str, tuple[str, frozenset[str]]] = {
    "owner": ("owner", frozenset()), "manager": ("manager", frozenset()), "cashier": ("cashier", frozenset()),
    "agent": ("agent", frozenset()), "marketer": ("marketer", frozenset()), "auditor": ("auditor", frozenset()),
    "cashier of 1": ("cashier", frozenset({"location"})), "cashier of 2": ("cashier", frozenset({"location"})),
    "manager of 1": ("manager", frozenset({"location"})), "manager of points": ("manager", frozenset({"programs"})),
    "marketer of points": ("marketer", frozenset({"programs"})), "auditor of 1": ("auditor", frozenset({"location"}))}


def lets_in(row: Row, role: str, kept: frozenset[str] = frozenset()) -> bool:
    """Whether a row of access.csv for staff lets `role` in, kept to `kept`: + roles beside the line, ~ what a page keeps people to."""
    marked = {mark: {word[1:] for word in row.who.split() if word[0] == mark} for mark in "+~"}
    session, least = row.words
    named = role in marked["+"] or (role in ROLES and ROLES.index(role) >= ROLES.index(least))
    return named and (session == "till" or kept <= marked["~"])


def people_of(row: Row) -> list[str]:
    """Names of PEOPLE whom a row for staff lets in."""
    return [name for name, (role, kept) in PEOPLE.items() if lets_in(row, role, kept)]


async def add_people(world: World, shop: Shop) -> dict[str, int]:
    """Name of PEOPLE → row; a second location for whoever works there."""
    here, now = world.here, world.here.clock.now()
    second = await write_transaction(here.db, lambda tx: programs.create_location(tx, shop.business_id, name="Second", now=now))
    found = {each.role: each.id for each in await staff.list_staff(here.db, here.ring, shop.business_id) if each.name != "Spare"}
    for name, (role, kept) in PEOPLE.items():
        if name not in found:
            only: dict[str, Any] = {"location_id": second if name.endswith("2") else shop.location_id} if "location" in kept else {}
            only |= {"program_ids": frozenset({shop.program_id})} if "programs" in kept else {}
            found[name] = await add_person(here, shop, role, name, at=f"{shop.business_id}.example.com", **only)
    return found


async def operator(world: World, *, hours_ago: int = 0) -> Caller:
    """Whoever runs the server, signed in at /operator."""
    from tests.flows.world import Caller

    here, link = world.here, secrets.new_secret()
    began = here.clock.now() - timedelta(hours=hours_ago)
    address = f"root{hours_ago}@example.com"
    await write_transaction(here.db, lambda tx: operators.invite(tx, here.ring, address, link, began))
    token = await operators.use_link(here.db, here.ring, link, "five quiet operators", began)
    return Caller("operator" + (" (expired)" if hours_ago else ""), {"Cookie": f"__Host-tessera-operator={token}"},
                  "gone" if hours_ago else "operator", session="operator", token=token)


async def sandbox_key(world: World, side: str, scopes: frozenset[str]) -> Caller:
    """A key of the business to try things in: nothing of the business itself is there for it."""
    from tests.flows.world import Caller

    here, who = world.here, world.sides[side].shop.who
    twin = await sandbox.twin_of(here.db, here.ring, who, here.clock.now())
    of_twin = replace(who, business_id=twin, acting_business_id=twin)
    _, plain = await staff.create_key(here.db, here.ring, of_twin, "trial", scopes, None, here.clock.now(), per_second=0)
    return Caller(f"sandbox key of {side}", {"Authorization": f"Bearer {plain}"}, "key", side, scopes=scopes)


async def callers(world: World) -> list[Caller]:
    """Everybody of goal A1: all of business A, whoever has most in business B, and those whose time is over."""
    from tests.flows.world import Caller

    made = [Caller("anonymous", {}), Caller("key that never was", {"Authorization": "Bearer tsk_" + "x" * 43}),
            await operator(world, hours_ago=9), await world.key("a", frozenset(SCOPES), is_over=True)]
    world.here.clock.advance(seconds=2)
    made += [await operator(world), await world.key("b", frozenset(SCOPES)), await sandbox_key(world, "a", frozenset({"cards:read"}))]
    for kind in ("till", "console"):
        made += [await world.session("a", name, kind) for name in PEOPLE]
        made += [await world.session("b", "owner", kind), await world.session("a", "owner", kind, hours_ago=25),
                 await world.session("a", "owner", kind, is_revoked=True)]
    made += [await world.key("a", frozenset({scope})) for scope in SCOPES]
    made += [await world.key("a", frozenset(SCOPES)), await world.key("a", frozenset(SCOPES), is_revoked=True)]
    return made
