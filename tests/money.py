"""A small business made by plain rows, for tests of the rooms below the services that make one properly."""
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.clock import to_ms
from app.db import Database
from app.programs.rules import ProgramRules, dump
from app.web.principal import Principal

NOON = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)         # 12:00 in Moscow
RULES = ProgramRules(earn_points=5, earn_per_minor=10_000, worth_minor=100, largest_share_bp=5_000, lot_days=365)


@dataclass(frozen=True)
class Bed:
    """A business with a location, a programme and a customer's card; each id is a row's."""

    db: Database
    business_id: int
    program_id: int
    location_id: int
    account_id: int
    card_id: int
    customer_id: int

    @property
    def key(self) -> Principal:
        return Principal(self.business_id, self.business_id, "api_key", id=1, name="till 2", scopes=frozenset({"sales:write"}))

    @property
    def manager(self) -> Principal:
        return Principal(self.business_id, self.business_id, "staff", id=1, name="Olga", role="manager")

    def cashier(self, number: int = 2) -> Principal:
        return Principal(self.business_id, self.business_id, "staff", id=number, name=f"Cashier {number}", role="cashier")


async def make_bed(db: Database, slug: str = "coffee", rules: ProgramRules = RULES, zone: str = "Europe/Moscow",
                   created: datetime = NOON - timedelta(days=400)) -> Bed:
    async def row(query: str, **values: Any) -> int:
        return await db.fetch_val(query, {"now": to_ms(created), **values})

    business = await row("INSERT INTO businesses(slug, name, country, currency, time_zone, language, created_at) "
                         "VALUES (:slug, 'Coffee corner', 'RU', 'RUB', :zone, 'ru', :now) RETURNING id", slug=slug, zone=zone)
    location = await row("INSERT INTO locations(business_id, name, created_at) VALUES (:business, 'Pushkin Street', :now) RETURNING id",
                         business=business)
    program = await row("INSERT INTO programs(business_id, slug, kind, name, number_prefix, rules_version, design_version, created_at) "
                        "VALUES (:business, 'points', 'points', 'Points', '472', 1, 1, :now) RETURNING id", business=business)
    await row("INSERT INTO rules_versions(business_id, program_id, version, rules, created_at, created_by) "
              "VALUES (:business, :program, 1, :rules, :now, 'test') RETURNING id", business=business, program=program, rules=dump(rules))
    await row("INSERT INTO design_versions(business_id, program_id, version, template, content, created_at, created_by) "
              "VALUES (:business, :program, 1, 'points', '{}', :now, 'test') RETURNING id", business=business, program=program)
    customer = await row("INSERT INTO customers(business_id, language, created_at) VALUES (:business, 'ru', :now) RETURNING id",
                         business=business)
    account, card = await add_card(db, business, program, customer, created)
    return Bed(db, business, program, location, account, card, customer)


async def add_card(db: Database, business_id: int, program_id: int, customer_id: int | None = None,
                   created: datetime = NOON - timedelta(days=400), status: str = "active") -> tuple[int, int]:
    """A new account and its card; gives both ids."""
    account = await db.fetch_val("INSERT INTO accounts(business_id, program_id, customer_id, created_at) "
                                 "VALUES (:business, :program, CAST(:customer AS BIGINT), :now) RETURNING id",
                                 {"business": business_id, "program": program_id, "customer": customer_id, "now": to_ms(created)})
    card = await db.fetch_val("INSERT INTO cards(business_id, program_id, account_id, number, code, status, source, created_at) "
                              "VALUES (:business, :program, :account, :number, :code, :status, 'api', :now) RETURNING id",
                              {"business": business_id, "program": program_id, "account": account, "number": f"472{account:013d}",
                               "code": f"9{account:015d}", "status": status, "now": to_ms(created)})
    return account, card
