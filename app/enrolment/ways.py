"""Which ways to a card a programme allows: link, poster and till always; these as the business says."""
from dataclasses import asdict, dataclass, fields
from datetime import datetime

from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.enrolment import ways_store
from app.enrolment.ways_store import Reader
from app.errors import FieldError, Invalid, Refused
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.store import Program
from app.text import N_
from app.web.principal import Principal


class WayClosed(Refused):
    """The business does not give cards this way."""

    code, detail = "way_closed", N_("This programme gives no cards this way.")


@dataclass(frozen=True, slots=True)
class Ways:
    """screen: a QR code at the till; code: digits told to the cashier; plastic: number and check code; mail: an e-mail address instead of
    a number; anonymous: neither of them (stamp programmes)."""

    screen: bool = True
    code: bool = True
    plastic: bool = True
    mail: bool = False
    anonymous: bool = False


NAMES = tuple(field.name for field in fields(Ways))


def may_be_anonymous(rules: ProgramRules) -> bool:
    """Whether a card that nobody can bring back may be had: stamps are a small loss, and points would be worth collecting for others."""
    return rules.stamps is not None


async def ways_of(reader: Reader, program: Program) -> Ways:
    kept = await ways_store.find(reader, program.business_id, program.id)
    ways = Ways(**{name: bool(kept[name]) for name in NAMES}) if kept else Ways()
    # The rules may have changed since the box was ticked.
    return ways if may_be_anonymous(program.rules) else Ways(**{**asdict(ways), "anonymous": False})


async def check(reader: Reader, program: Program, *, mail: bool = False, code: bool = False) -> None:
    """Raises WayClosed where the programme does not allow what is asked for."""
    if mail or code:
        allowed = await ways_of(reader, program)
        if (mail and not allowed.mail) or (code and not allowed.code):
            raise WayClosed()


async def set_ways(db: Database, who: Principal, program_id: int, ways: Ways, now: datetime) -> None:
    """Raises NotFound, Invalid (field `anonymous`: the programme has no stamps)."""
    async def act(tx: Transaction) -> None:
        program = await programs.get_program(tx, who.business_id, program_id)
        if ways.anonymous and not may_be_anonymous(program.rules):
            raise Invalid(fields=[FieldError("anonymous", "kind", N_("Only programmes with stamps give cards without a number."))])
        values = {name: int(on) for name, on in asdict(ways).items()}
        await ways_store.keep(tx, who.business_id, program_id, values, to_ms(now))
        await audit.record(tx, who, "program.ways", "program", program_id, asdict(ways), now=now)

    await write_transaction(db, act)
