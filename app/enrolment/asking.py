"""What the public pages ask of whoever comes too often: the soft limits of each page, and the puzzle that goes with its form."""
from datetime import timedelta

from starlette.datastructures import FormData
from starlette.requests import Request

from app.db import write_transaction
from app.enrolment import rules, work
from app.limits import service as limits
from app.limits.rules import Limit
from app.programs import service as programs
from app.programs.store import Program
from app.sms import allowances
from app.sms.allowances import HOUR
from app.web.forms import text_field
from app.web.requests import client_address, context

PLASTIC_TRIES, PLASTIC_SOFT = 30, 5
ANONYMOUS_TRIES = 10
ADDRESS_SOFT = 3
GUESSES, GUESS_WINDOW = 60, timedelta(minutes=10)


def network_of(request: Request) -> str | None:
    """The caller's household, hashed; None for whoever tries a demo on their own machine."""
    here, address = context(request), client_address(request)
    if here.settings.demo and allowances.is_loopback(address):
        return None
    return here.ring.lookup_hash("address", allowances.networks_of(address)[0]).hex()


async def soft_limits(request: Request, program: Program, poster: str) -> list[Limit]:
    """Half of what an address and a poster may have: from there on a message costs the asker something as well."""
    allowance = allowances.allowance_of((await programs.get_business(context(request).db, program.business_id)).settings)
    subject = rules.poster_subject(program.id, poster)
    soft = [Limit(scope, subject, HOUR, max(1, allowance.poster_hour // 2)) for scope in ("sms.poster", "mail.poster", "anonymous.poster")]
    if (network := network_of(request)) is not None:
        soft += [Limit(scope, network, HOUR, min(ADDRESS_SOFT, max(1, allowance.address_hour)))
                 for scope in ("sms.address", "mail.network", "anonymous.network")]
    return soft


def guesses(request: Request) -> list[Limit]:
    """How many dead links an address may try."""
    network = network_of(request)
    return [] if network is None else [Limit("link.address", network, GUESS_WINDOW // timedelta(seconds=1), GUESSES)]


async def note(request: Request, counted: list[Limit]) -> None:
    """Counts one try against `counted`. Raises LimitReached."""
    here = context(request)
    if counted:
        await write_transaction(here.db, lambda tx: limits.hit(tx, counted, here.clock.now()))


def plastic_limits(request: Request, most: int) -> list[Limit]:
    network = network_of(request)
    return [] if network is None else [Limit("plastic.network", network, timedelta(hours=1) // timedelta(seconds=1), most)]


async def anonymous_limits(request: Request, program: Program, poster: str) -> list[Limit]:
    allowance = allowances.allowance_of((await programs.get_business(context(request).db, program.business_id)).settings)
    network = network_of(request)
    return [Limit("anonymous.poster", rules.poster_subject(program.id, poster), HOUR, allowance.poster_hour),
            *([] if network is None else [Limit("anonymous.network", network, HOUR, ANONYMOUS_TRIES)])]


async def challenge(request: Request, soft: list[Limit]) -> str:
    """The puzzle of the page, empty where nothing has to be solved."""
    here = context(request)
    if not soft or not await work.is_asked(here.db, soft, here.clock.now()):
        return ""
    return work.challenge(here.ring, request.url.path, here.clock.now())


async def is_answered(request: Request, form: FormData, soft: list[Limit]) -> bool:
    """Whether the form may go on: nothing was asked of it, or the puzzle is solved."""
    here, now = context(request), context(request).clock.now()
    if not soft or not await work.is_asked(here.db, soft, now):
        return True
    return await work.use(here.db, here.ring, request.url.path, text_field(form, "work", 200), text_field(form, "answer", 40), now)
