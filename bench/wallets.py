"""A server whose cards lie on phones, for the benches of passes and pushes: made by plain rows over the services' business."""
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app import secrets, start
from app.certificates import service as certificates
from app.clock import to_ms
from app.context import Context
from app.db import write_transaction
from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.designs import service as designs
from app.designs.rules import default_content
from app.passes.service import TOKEN_PURPOSE
from app.programs import service as programs
from app.settings import load
from app.staff import service as staff
from app.web.principal import Principal
from bench import sales_server
from bench.sales_server import BUSINESS, FIRST_CARD, Stand

PASS_TYPE, TEAM = "pass.demo.tessera.bench", "BENCH12345"
AT_ONCE = 1_000


@dataclass(frozen=True)
class Phone:
    """A phone with one card. path: of its pass below the server's address."""

    device: str
    push_token: str
    path: str
    token: str


@dataclass
class Pocket:
    """stand: for tills; admin_key: may change programmes; program: its id outside; phones: one a card."""

    stand: Stand
    admin_key: str
    program: str
    short_id: str
    phones: list[Phone]


def environment(folder: Path) -> tuple[dict[str, str], DemoCertificates]:
    """Settings of a server with a pass certificate of its own root, and the files of it."""
    files = make_demo_certificates(folder / "certificates", pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=datetime.now(UTC))
    return {"TESSERA_URL": "https://cards.example.com", "TESSERA_DATA": str(folder / "data"),
            "TESSERA_APPLE_CERTIFICATE": str(files.certificate), "TESSERA_APPLE_KEY": str(files.key),
            "TESSERA_APPLE_WWDR": str(files.wwdr)}, files


async def prepare(environ: dict[str, str], phones: int, idle_cards: int = 0) -> Pocket:
    """A migrated database whose first `phones` cards lie on a phone each; `idle_cards` more lie on none."""
    stand = await sales_server.prepare(environ, max(0, phones + idle_cards - sales_server.IN_USE))
    settings = load(environ)
    async with start.opened(settings) as here:
        now = datetime.now(UTC)
        owner = Principal(BUSINESS, BUSINESS, "staff", None, "Olga", "owner")
        program = (await programs.list_programs(here.db, BUSINESS))[0]
        await write_transaction(here.db, lambda tx: designs.publish(tx, owner, program.id, default_content("Bench"), now))
        _, admin_key = await staff.create_key(here.db, here.ring, owner, "office", frozenset({"admin"}), None, now, per_second=0)
        kind = await certificates.pass_type_for(here, BUSINESS, now)
        held = await _phones(here, kind.id, kind.short_id, phones, now)
        return Pocket(stand, admin_key, here.ids.encode("program", program.id), kind.short_id, held)


async def _phones(here: Context, pass_type_id: int, short_id: str, count: int, now: datetime) -> list[Phone]:
    held = []
    for page in range(0, count, AT_ONCE):
        passes, registrations = [], []
        for number in range(page, min(page + AT_ONCE, count)):
            pass_id, token = number + 1, secrets.new_secret()
            phone = Phone(f"{number:032x}", f"{number:064x}", f"/apple/{short_id}/v1/passes/{PASS_TYPE}/s{number:031d}", token)
            sealed = here.ring.seal_text(TOKEN_PURPOSE, token, str(pass_id).encode())
            passes.append({"id": pass_id, "business": BUSINESS, "card": FIRST_CARD + number, "type": pass_type_id,
                           "serial": f"s{number:031d}", "sealed": sealed, "now": to_ms(now)})
            registrations.append({"business": BUSINESS, "pass": pass_id, "type": pass_type_id, "device": phone.device,
                                  "token": phone.push_token, "now": to_ms(now)})
            held.append(phone)
        await _insert(here, passes, registrations)
    return held


async def _insert(here: Context, passes: list[dict[str, Any]], registrations: list[dict[str, Any]]) -> None:
    await here.db.execute_many(
        "INSERT INTO passes(id, business_id, card_id, pass_type_id, serial_number, authentication_token_sealed, created_at) "
        "VALUES (:id, :business, :card, :type, :serial, :sealed, :now)", passes)
    await here.db.execute_many(
        "INSERT INTO registrations(business_id, pass_id, pass_type_id, device_library_identifier, push_token, created_at, renewed_at) "
        "VALUES (:business, :pass, :type, :device, :token, :now, :now)", registrations)


def resident_mb(pid: int) -> float:
    """Memory that a process holds."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024
