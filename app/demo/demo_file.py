"""demo.json in the data folder: addresses, sign-ins, ids and a key, so that a script can start at once."""
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app import start
from app.cards import service as cards
from app.context import Context
from app.db import write_transaction
from app.demo import equipment
from app.demo.business import Business
from app.programs import service as programs
from app.settings import Settings

NAME = "demo.json"
PIN = "4071"            # of everybody of the coffee shop at its tablets


@dataclass(frozen=True, slots=True)
class Shown:
    """A programme with the card that stands for it; invitation: the code that opens a closed club."""

    shop: Business
    program_id: int
    card_id: int
    invitation: str | None = None


def path(settings: Settings) -> Path:
    return settings.data / NAME


def read(settings: Settings) -> dict[str, Any]:
    return json.loads(path(settings).read_text("utf-8"))


def write(settings: Settings, told: dict[str, Any]) -> None:
    """Complete or not there, and for its owner alone: passwords and a key stand in it."""
    start.write_secret(path(settings), json.dumps({**told, **addresses(settings, told)}, ensure_ascii=False, indent=2) + "\n")


async def tell(here: Context, coffee: Business, leaf: Business, shown: list[Shown]) -> dict[str, Any]:
    """What does not change between starts."""
    owner, cashier = coffee.people[0], next(person for person in coffee.people if person.role == "cashier")
    files = equipment.certificates(here.settings.data)
    return {
        "business": here.ids.encode("business", coffee.id), "program": here.ids.encode("program", coffee.program_id),
        "locations": [here.ids.encode("location", location_id) for location_id in coffee.location_ids], "api_key": coffee.api_key,
        "console": {"email": owner.email, "password": owner.password}, "till": {"email": cashier.email, "password": cashier.password},
        "tablet": {"pin": PIN},
        "staff": [{"name": person.name, "role": person.role, "email": person.email, "password": person.password}
                  for person in coffee.people],
        "apple": {**{name: str(getattr(files, name).relative_to(here.settings.data)) for name in ("root", "wwdr", "certificate")},
                  "pass_type_identifier": equipment.PASS_TYPE_IDENTIFIER, "team_identifier": equipment.TEAM_IDENTIFIER},
        "other": {"business": here.ids.encode("business", leaf.id), "program": here.ids.encode("program", leaf.program_id),
                  "api_key": leaf.api_key},
        "programs": [await program(here, one) for one in shown],
    }


async def program(here: Context, shown: Shown) -> dict[str, Any]:
    """A programme, where one joins it, and a card of it: its page, and what a till scans."""
    program = await programs.get_program(here.db, shown.shop.id, shown.program_id)
    business = await programs.get_business(here.db, shown.shop.id)
    card = await cards.get_card(here.db, shown.shop.id, shown.card_id)
    now = here.clock.now()
    token = await write_transaction(here.db, partial(cards.page_link, ring=here.ring, card=card, strength="card", now=now))
    invited = f"?friend={shown.invitation}" if shown.invitation else ""
    return {
        "kind": program.kind, "name": program.name, "business": here.ids.encode("business", shown.shop.id),
        "program": here.ids.encode("program", program.id), "api_key": shown.shop.api_key,
        "enrol": here.settings.address(f"/e/{business.slug}/{program.slug}{invited}"),
        "card": {"id": here.ids.encode("card", card.id), "number": card.number, "code": card.code,
                 "page": here.settings.address(f"/c/{token}")},
    }


def addresses(settings: Settings, told: dict[str, Any]) -> dict[str, Any]:
    """What follows the port: the same data may be started on another one."""
    return {
        "url": settings.url, "enrol": settings.address("/e/coffee"), "sms": settings.address("/demo/sms.json"),
        "phone": settings.address("/demo/phone"), "console": {**told["console"], "url": settings.address("/console")},
        "till": {**told["till"], "url": settings.address("/till")},
        "tablet": {**told.get("tablet", {}), "url": settings.address("/demo/tablet")},
        "programs": [{**one, "enrol": _moved(settings, one["enrol"]),
                      "card": {**one["card"], "page": _moved(settings, one["card"]["page"])}} for one in told.get("programs", [])],
        "google": {"issuer_id": equipment.GOOGLE_ISSUER,
                   "service_account": str(equipment.google_account(settings.data).relative_to(settings.data)),
                   **equipment.google_addresses(settings)},
    }


def _moved(settings: Settings, address: str) -> str:
    """The same page on this start's host and port."""
    parts = urlsplit(address)
    return settings.address(f"{parts.path}?{parts.query}" if parts.query else parts.path)
