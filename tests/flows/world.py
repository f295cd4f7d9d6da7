"""Two businesses with one thing of each kind, everybody who may knock at their doors, and a look at every row of the database."""
import csv
import re
import sqlite3
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2

from app import secrets
from app.benefits import coupons, promo
from app.benefits import service as benefits
from app.benefits.rules import RewardWish, Terms
from app.clock import to_ms
from app.context import Context
from app.db import write_transaction
from app.devices import pins
from app.devices import service as devices
from app.enrolment import screen
from app.profiles import handovers
from app.programs.terms import Said
from app.referrals import service as referrals
from app.reports import suspicions_store
from app.sales import approvals
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.segments import service as segments
from app.segments.rules import Filter
from app.staff import service as staff
from app.staff import sessions
from app.staff import store as staff_store
from app.standing import service as standings
from tests import joined
from tests.conftest import Shop
from tests.enrolment.joining import Joining
from tests.flows.everybody import PEOPLE, add_people
from tests.shops import make_card

ACCESS = Path(__file__).parents[2] / "app" / "access.csv"
HOST = "https://cards.example.com"
# Columns that every request may touch; limit_hits counts requests, refused ones too.
_NOTED = {("sessions", "seen_at"), ("api_keys", "used_at")}
# What addresses name by a word of the business's own choice instead of a public id.
KEYED = ("reward_key", "batch", "segment", "question", "topic")
# What a script posts: no form, and the token in a header.
BY_SCRIPT = ("/till/frame", "/till/offline")


@dataclass(frozen=True)
class Row:
    """A line of app/access.csv."""

    method: str
    path: str
    who: str

    @property
    def kind(self) -> str:
        return self.who.split()[0]

    @property
    def words(self) -> list[str]:
        """Of staff: the session and the least role; of a key: the scopes. What is marked besides: everybody.lets_in."""
        return [word for word in self.who.split()[1:] if word[0] not in "+~"]


def rows(*kinds: str) -> list[Row]:
    """The routes of these kinds of access (all of them unless told), without those that only a demo has."""
    with ACCESS.open(encoding="utf-8", newline="") as file:
        found = [Row(line["method"], line["path"], line["who"]) for line in csv.DictReader(file)]
    return [row for row in found if not row.path.startswith("/demo/") and (not kinds or row.kind in kinds)]


@dataclass
class Caller:
    """Somebody at the door. what: anonymous, staff, key, operator or gone; side: a, b or none."""

    name: str
    headers: dict[str, str]
    what: str = "anonymous"
    side: str = ""
    session: str = ""
    role: str = ""
    scopes: frozenset[str] = frozenset()
    token: str = ""
    kept: frozenset[str] = frozenset()


@dataclass
class Side:
    """A business with one thing of every kind: public ids, and the keys of KEYED, in `ids`."""

    shop: Shop
    ids: dict[str, str]
    rows: dict[str, int]
    links: dict[str, str] = field(default_factory=dict)


class World:
    """Made with `make`."""

    def __init__(self, here: Context, client: httpx2.AsyncClient) -> None:
        self.here, self.client = here, client
        self.sides: dict[str, Side] = {}
        self.people: dict[str, dict[str, int]] = {}

    @property
    def a(self) -> Side:
        return self.sides["a"]

    @property
    def b(self) -> Side:
        return self.sides["b"]

    async def add(self, name: str, shop: Shop, phones: tuple[str, str]) -> None:
        """phones: of the card's holder, and of somebody who was sent an activation link."""
        here, now = self.here, self.here.clock.now()
        card = await make_card(here, shop, phone=phones[0], points=120)
        sale = await sales.sell(here.db, shop.key_principal, SaleRequest(card.id, 20_000, receipt="A-1"), None, now)
        joining = Joining(here, shop)
        told = await joining.start(phones[1])
        key_id, _ = await staff.create_key(here.db, here.ring, shop.who, "spare", frozenset({"cards:read"}), None, now)
        sign_in_link = secrets.new_secret()

        async def act(tx: Any) -> tuple[int, str]:
            from app.cards import service as cards

            spare = await staff.create_staff(tx, here.ring, shop.business_id, email=f"spare@{name}.example.com", name="Spare",
                                             role="cashier", now=now)
            await staff.create_link(tx, here.ring, shop.business_id, spare, sign_in_link, now)
            return spare, await cards.page_link(tx, here.ring, card, "card", now)

        spare_id, page = await write_transaction(here.db, act)
        self.people[name] = await add_people(self, shop)
        assert told.id is not None and told.card_id is not None
        found = {"card": card.id, "operation": sale.operation.id, "enrolment": told.id, "location": shop.location_id, "staff": spare_id,
                 "api_key": key_id, "program": shop.program_id, **await self._add_doubts(shop, card.id), **await self._add_keys(shop)}
        found |= await self._add_benefits(shop, name)
        found["screen"] = await screen.offer(here.db, here.ring, shop.cashier, shop.program_id, now)
        made, words = await joined.add(here, shop)
        found |= made
        shown = screen.token_of(here.ring, await screen.get(here.db, shop.business_id, found["screen"]))
        paper = await promo.get_batch(here.db, shop.business_id, shop.program_id, f"paper-{name}")
        [(coupon_id, *_)] = await promo.codes_of(here.db, paper)
        handed_over = await handovers.make(here, card, now)
        pairing = await devices.offer(here.db, here.ring, shop.who, "Till 2", None, now)
        _, pin_link = await pins.offer_link(here.db, here.ring, shop.who, spare_id, now)
        keys = {"reward_key": f"gift-{name}", "batch": f"paper-{name}", "segment": f"regulars-{name}", **words}
        self.sides[name] = Side(shop, {**{kind: here.ids.encode(kind, row_id) for kind, row_id in found.items()}, **keys}, found,
                                {"a": joining.inbox.path(phones[1]).removeprefix("/a/"), "c": page, "q": shown, "console": sign_in_link,
                                 "k": coupons.token_of(here.ring, here.ids, coupon_id), "d": handed_over, "pair": pairing,
                                 "pins": pin_link})

    async def _add_benefits(self, shop: Shop, name: str) -> dict[str, int]:
        """A reward, a printed coupon for it, a voucher, a segment, a product and an invitation."""
        here, now = self.here, self.here.clock.now()
        gift = await benefits.create_reward(here.db, shop.who, shop.program_id,
                                            RewardWish(f"gift-{name}", "text", Said("Gift", "Подарок")), now)
        paper = Terms(f"paper-{name}", "Paper", kind="coupon", reward=gift.key)
        await promo.create_batch(here.db, shop.who, shop.program_id, paper, promo.draw(1, 12), now, count=1)
        await segments.create(here.db, shop.who, f"regulars-{name}", "Regulars", Filter(sales_from=1), now)
        await standings.set_product(here.db, shop.who, f"sku-{name}", f"Product of {name}", "drinks", True, now)
        invited = await referrals.create_invitation(here.db, shop.who, shop.program_id, f"invitation{name}", 5, None, now)
        return {"reward": gift.id, "invitation": invited.id}

    async def _add_keys(self, shop: Shop) -> dict[str, int]:
        """An issuer at Google, and a signing request that waits for its certificate; neither key opens anything."""
        here, row = self.here, {"business_id": shop.business_id, "sealed": b"sealed", "now": to_ms(self.here.clock.now())}
        return {"google_issuer": await here.db.fetch_val(
                    "INSERT INTO google_issuers(business_id, issuer_id, client_email, account_sealed, created_at, created_by) "
                    "VALUES (:business_id, '3388000000099999999', 'cafe@example.com', :sealed, :now, 'Owner') RETURNING id", row),
                "certificate": await here.db.fetch_val(
                    "INSERT INTO certificates(business_id, request, key_sealed, created_at, created_by) "
                    "VALUES (:business_id, 'none', :sealed, :now, 'Owner') RETURNING id", row)}

    async def _add_doubts(self, shop: Shop, card_id: int) -> dict[str, int]:
        """A correction that waits for a second manager, and something the review found strange."""
        here, now = self.here, self.here.clock.now()
        asked = await approvals.ask(here.db, shop.who, card_id, "points", 3, "for a second pair of eyes", None, now)
        strange = {"business_id": shop.business_id, "kind": "corrections", "subject_kind": "staff", "subject_id": shop.cashier.id,
                   "period": now.date().isoformat(), "details": "{}", "at": to_ms(now)}
        found = await write_transaction(here.db, lambda tx: suspicions_store.note(tx, strange))
        assert found is not None
        return {"approval": asked.id, "suspicion": int(found)}

    # Callers.

    async def session(self, side: str, name: str, kind: str, *, hours_ago: int = 0, is_revoked: bool = False) -> Caller:
        """One of PEOPLE signed in, as a browser sends the cookie."""
        here, shop, token = self.here, self.sides[side].shop, secrets.new_secret()
        began = here.clock.now() - timedelta(hours=hours_ago)
        role, kept = PEOPLE[name]

        async def act(tx: Any) -> None:
            person = await staff_store.staff_of(tx, shop.business_id, self.people[side][name])
            assert person is not None
            session_id = (await sessions.begin(tx, here.ring, person, kind, token, began)).session_id
            if is_revoked:
                assert session_id is not None
                await staff_store.revoke_session(tx, session_id, to_ms(here.clock.now()))

        await write_transaction(here.db, act)
        state = " (expired)" if hours_ago else " (revoked)" if is_revoked else ""
        return Caller(f"{name} in {side} at the {kind}{state}", {"Cookie": f"__Host-tessera-{kind}={token}"}, "gone" if state else "staff",
                      side, kind, role, token=token, kept=kept)

    async def key(self, side: str, scopes: frozenset[str], *, is_revoked: bool = False, is_over: bool = False) -> Caller:
        """is_over: its last moment is in a second."""
        here, shop = self.here, self.sides[side].shop
        ends = here.clock.now() + timedelta(seconds=1) if is_over else None
        key_id, plain = await staff.create_key(here.db, here.ring, shop.who, "test", scopes, None, here.clock.now(), expires_at=ends,
                                               per_second=0)
        if is_revoked:
            await staff.revoke_key(here.db, shop.who, key_id, here.clock.now())
        return Caller(f"key of {side} with {' '.join(sorted(scopes))}" + (" (revoked)" if is_revoked else " (over)" if is_over else ""),
                      {"Authorization": f"Bearer {plain}"}, "gone" if is_revoked or is_over else "key", side, scopes=scopes)

    def forgery_token(self, caller: Caller) -> str:
        """The hidden token of the pages that `caller` sees."""
        return self.here.ring.lookup_hash("web.forgery", caller.token).hex()[:32]

    # Requests.

    def address(self, row: Row, ids: dict[str, str] | None = None, links: dict[str, str] | None = None) -> str:
        """The route's address with public ids and links filled in; those of business A unless told."""
        ids, links = ids or self.a.ids, {**self.a.links, **(links or {})}
        kinds = {"card": "card", "location": "location", "staff": "staff", "key": "api_key", "operation": "operation",
                 "approval": "approval", "batch": "batch", "segment": "segment", "id": self.id_kind(row),
                 "issuer": "google_issuer", "certificate": "certificate", "screen": "screen", "enrolment": "enrolment",
                 "plastic": "plastic_batch", "tablet": "device", "item": "offline_item", **{kind: kind for kind in ("webhook", "delivery",
                                                                        "import", "campaign", "erasure", "question", "topic")},
                 "reward": "reward" if row.path.startswith("/api/") else "reward_key"}
        fixed = {"act": "block", "business": "coffee", "program": "points", "digest": "0" * 8, "name:path": "none.css",
                 "token": links[self.link_kind(row)], "short": "none", "device": "d" * 32,
                 "link": links["console" if row.path.startswith(("/console", "/operator")) else "q" if row.path.startswith("/q/") else "a"],
                 "pass_type": "pass.none", "serial": "none", "kind": "points", "rule": "new", "n": "1", "report": "gifts", "name": "none",
                 "code": "none", "gateway": "none", "secret": "none", "purpose": "marketing", "language": "en", "version": "1",
                 "pause": "pau_0000000000000", "suppression": "sup_0000000000000",
                 "session": "ses_0000000000000", "passkey": "psk_0000000000000"}
        if row.path.startswith("/operator"):
            fixed["business"] = self.here.ids.encode("business", self.a.shop.business_id)
        elif row.path.startswith("/console/programs"):
            fixed["program"] = ids["program"]
        elif row.path.startswith("/console/brand"):
            fixed["kind"] = "logo"
        return re.sub(r"\{([^}]+)\}", lambda match: fixed.get(match[1]) or ids[kinds[match[1]]], row.path)

    def link_kind(self, row: Row) -> str:
        """Which of a side's links stands as {token} in the address."""
        till = re.match("/till/(pair|pins)/", row.path)
        return till[1] if till else row.path[1] if row.path.startswith(("/k/", "/d/")) else "c"

    def id_kind(self, row: Row) -> str:
        for kind in ("card", "program", "webhook"):
            if row.path.startswith(f"/api/v1/{kind}s"):
                return kind
        return "enrolment" if "/enrolments" in row.path else "operation"

    def has_id(self, row: Row) -> bool:
        """Whether the address names a thing of a business."""
        named = (r"\{(id|card|location|staff|key|operation|approval|reward|batch|segment|issuer|certificate|screen|enrolment|plastic|"
                 r"import|campaign|erasure|question|topic|webhook|delivery|tablet|item)\}"
                 r"|/console/programs/\{program\}")
        return row.kind in ("staff", "key") and bool(re.search(named, row.path))

    def body(self, row: Row, side: Side | None = None) -> dict[str, Any] | None:
        """What the POST takes, and would do; None for a body without fields."""
        ids = (side or self.a).ids
        return {
            "/api/v1/cards": {"program": ids["program"], "customer": {"name": "Boris"}, "consent": {"terms": True}},
            "/api/v1/enrolments": {"program": ids["program"], "phone": "+79161230000"},
            "/api/v1/sales/quote": {"card": ids["card"], "amount": 10_000},
            "/api/v1/sales": {"card": ids["card"], "amount": 10_000},
            "/api/v1/sales/{id}/refunds": {"amount": 100},
            "/api/v1/cards/{id}/answers": {"answers": {}},
            "/api/v1/cards/{id}/events": {"event": "review", "key": "1"},
            "/api/v1/cards/{id}/purchases": {"package": "ten"},
            "/api/v1/cards/{id}/confirmations": {"code": "000000"},
            "/api/v1/cards/{id}/visits": {"count": 1},
            "/api/v1/cards/{id}/freeze": {"days": 7},
            "/api/v1/cards/{id}/extend": {"days": 7, "reason": "a test"},
            "/api/v1/cards/{id}/vouchers/use": {"voucher": "1234567897"},
            "/api/v1/cards/{id}/claims": {"reward": ids["reward"]},
            "/api/v1/cards/{id}/favourite": {"sku": "1"},
            "/api/v1/cards/{id}/level": {"level": "gold", "reason": "a test"},
            "/api/v1/cards/{id}/merge": {"card": ids["card"]},
            "/api/v1/programs": {"kind": "points", "slug": "more", "name": {"en": "More"}},
            "/api/v1/programs/{id}/rules": {"rules": {"earn_points": 3, "earn_per_minor": 10_000}},
            "/api/v1/programs/{id}/rules/check": {"rules": {"earn_points": 3, "earn_per_minor": 10_000}},
            "/api/v1/programs/{id}/closing": {"earns_until": "2027-01-01T00:00:00Z", "spends_until": "2027-03-01T00:00:00Z"},
            "/api/v1/programs/{id}/rewards": {"key": "cake", "kind": "text", "name": {"en": "Cake"}},
            "/api/v1/programs/{id}/rewards/{reward}": {"key": "gift", "kind": "text", "name": {"en": "Gift"}},
            "/api/v1/programs/{id}/promo-batches": {"key": "summer", "name": "Summer", "count": 2},
            "/api/v1/segments": {"key": "regulars", "name": "Regulars", "filter": {"sales_from": 3}},
            "/api/v1/products": {"sku": "1", "name": "Coffee"},
            "/api/v1/webhooks": {"url": "https://crm.example.com/more", "kinds": ["card.created"]},
            "/api/v1/webhooks/{id}": {"url": "https://crm.example.com/more", "kinds": ["card.blocked"]},
            "/api/v1/cards/{id}/adjustments": {"unit": "points", "amount": 1, "reason": "a test"},
        }.get(row.path)

    async def ask(self, row: Row, caller: Caller, address: str | None = None, *, method: str = "", form: dict[str, str] | None = None,
                  body: Any = None, **headers: str) -> httpx2.Response:
        """The request as `caller` would send it: JSON with an idempotency key, or a form with the hidden token."""
        address, method = address or self.address(row), method or row.method
        sent: dict[str, Any] = {"headers": {**caller.headers, "Accept-Language": "en", **headers}}
        if method in ("POST", "PUT") and row.path.startswith("/api/"):
            if method == "POST":
                sent["headers"]["Idempotency-Key"] = secrets.new_token(20)
            if (wanted := body if body is not None else self.body(row)) is not None:
                sent["json"] = wanted
        elif method == "POST" and row.kind in ("staff", "operator"):
            sent["data"] = {"csrf": self.forgery_token(caller), **(form or {})}
            if row.path in BY_SCRIPT:
                sent["headers"].setdefault("X-CSRF-Token", sent["data"]["csrf"].encode("latin-1"))
        elif method == "POST":
            sent["data"] = form or {}
        return await self.client.request(method, address, **sent)


class Rows:
    """Every row of a SQLite database: whether anything changed since `keep`."""

    def __init__(self, database_url: str) -> None:
        self.connection = sqlite3.connect(database_url.removeprefix("sqlite:///"))
        self._version, self._rows = self._commits(), self.all()

    def keep(self) -> None:
        """From here on."""
        if self._commits() != self._version:
            self._version, self._rows = self._commits(), self.all()

    def _commits(self) -> int:
        return self.connection.execute("PRAGMA data_version").fetchone()[0]

    def all(self) -> dict[str, list[tuple[Any, ...]]]:
        tables = [name for (name,) in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
                  if name != "limit_hits" and not name.startswith("sqlite_")]
        return {table: sorted(self.connection.execute(f"SELECT {self._columns(table)} FROM {table}").fetchall(), key=repr)
                for table in tables}

    def _columns(self, table: str) -> str:
        names = [row[1] for row in self.connection.execute(f"PRAGMA table_info({table})")]
        return ", ".join(name for name in names if (table, name) not in _NOTED)

    def changed(self) -> list[str]:
        """The tables that differ; looks at them only where somebody committed at all."""
        if self._commits() == self._version:
            return []
        now = self.all()
        return [table for table in now if now[table] != self._rows[table]]

    def close(self) -> None:
        self.connection.close()


def same_page(answer: httpx2.Response) -> tuple[int, str]:
    """Status and body without what differs from answer to answer by itself: the nonce of the page's own style."""
    return answer.status_code, re.sub(r'nonce="[^"]+"', 'nonce=""', answer.text)


async def signed_in(world: World, row: Row) -> Caller:
    if row.kind == "staff":
        return await world.session("a", "owner", row.words[0])
    return Caller("anonymous", {})
