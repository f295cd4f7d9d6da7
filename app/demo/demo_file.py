"""demo.json in the data folder: addresses, sign-ins, ids and a key, so that a script can start at once."""
import json
from pathlib import Path
from typing import Any

from app import start
from app.context import Context
from app.demo import equipment
from app.demo.business import Business
from app.settings import Settings

NAME = "demo.json"


def path(settings: Settings) -> Path:
    return settings.data / NAME


def read(settings: Settings) -> dict[str, Any]:
    return json.loads(path(settings).read_text("utf-8"))


def write(settings: Settings, told: dict[str, Any]) -> None:
    """Complete or not there, and for its owner alone: passwords and a key stand in it."""
    start.write_secret(path(settings), json.dumps({**told, **addresses(settings, told)}, ensure_ascii=False, indent=2) + "\n")


def tell(here: Context, coffee: Business, leaf: Business) -> dict[str, Any]:
    """What does not change between starts."""
    owner, cashier = coffee.people[0], next(person for person in coffee.people if person.role == "cashier")
    files = equipment.certificates(here.settings.data)
    return {
        "business": here.ids.encode("business", coffee.id), "program": here.ids.encode("program", coffee.program_id),
        "locations": [here.ids.encode("location", location_id) for location_id in coffee.location_ids], "api_key": coffee.api_key,
        "console": {"email": owner.email, "password": owner.password}, "till": {"email": cashier.email, "password": cashier.password},
        "staff": [{"name": person.name, "role": person.role, "email": person.email, "password": person.password}
                  for person in coffee.people],
        "apple": {**{name: str(getattr(files, name).relative_to(here.settings.data)) for name in ("root", "wwdr", "certificate")},
                  "pass_type_identifier": equipment.PASS_TYPE_IDENTIFIER, "team_identifier": equipment.TEAM_IDENTIFIER},
        "other": {"business": here.ids.encode("business", leaf.id), "program": here.ids.encode("program", leaf.program_id),
                  "api_key": leaf.api_key},
    }


def addresses(settings: Settings, told: dict[str, Any]) -> dict[str, Any]:
    """What follows the port: the same data may be started on another one."""
    return {
        "url": settings.url, "enrol": settings.address("/e/coffee"), "sms": settings.address("/demo/sms.json"),
        "phone": settings.address("/demo/phone"), "console": {**told["console"], "url": settings.address("/console")},
        "till": {**told["till"], "url": settings.address("/till")},
    }
