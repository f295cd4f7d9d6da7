"""Builds the application: settings, database, routes, error pages, start and stop."""
import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import BaseRoute

from app import errors
from app.clock import Clock, SystemClock, to_ms
from app.context import Context
from app.db import open_database
from app.guard import Guard
from app.ids import PublicIds
from app.installation import service as installation
from app.installation import store as installation_store
from app.privacy import reads
from app.schema import migrate
from app.secrets import KeyRing
from app.settings import Settings
from app.staff import keys, uses
from app.staff import service as staff
from app.updates import service as updates
from app.web import assets, problems, routing
from app.web.cookies import cookie
from app.web.events import Broker
from app.web.front import EmptyServer
from app.web.principal import Principal
from app.web.security import SecurityMiddleware
from app.web.status import Gauge

UPDATES_AT_ONCE = 500
# What a till's page asks without anybody touching it: a tablet that lies there locks all the same.
BY_ITSELF = frozenset(("/till/frame", "/till/offline", "/till/offline/pack"))
RETRY_SECONDS, GATHER_SECONDS = 1.0, 0.03
log = logging.getLogger("tessera.web")


async def open_context(settings: Settings, ring: KeyRing, clock: Clock | None = None, **options: Any) -> Context:
    """Opens the database and checks that program, key ring and mode fit it. Raises SettingsError with what to do.

    options: those of app.db.Options.
    """
    db = open_database(settings.database_url, **options)
    await db.connect()
    try:
        migrate.check_revision(await installation_store.stored_revision(db))
        id_key = await installation.open_installation(db, ring, demo=settings.demo)
    except BaseException:
        await db.disconnect()
        raise
    return Context(settings, db, ring, PublicIds(id_key), clock or SystemClock())


def create_app(here: Context, *, more_routes: Sequence[BaseRoute] = (), more_lifespans: Sequence[Any] = ()) -> Starlette:
    """The application over an open context.

    more_routes, more_lifespans: what only some programs have (the demo's pages and fakes; the jobs). A lifespan is a function
    of the context that gives an async context manager.
    """
    broker = Broker()
    here.extras["broker"], here.extras["measures"] = broker, (_measure,)
    here.extras["guard"] = Guard(proxies=here.settings.proxies)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(_hang_up, here)       # after the jobs, which would connect again
            await stack.enter_async_context(publishing(here, broker))
            await stack.enter_async_context(uses.writing(here.db))
            await stack.enter_async_context(keys.watching(here.db))
            await stack.enter_async_context(reads.writing(here.db))
            for each in more_lifespans:
                await stack.enter_async_context(each(here))
            yield
            broker.close()

    app = Starlette(
        middleware=[Middleware(SecurityMiddleware, https=here.settings.is_https), Middleware(EmptyServer)],
        exception_handlers={errors.TesseraError: problems.on_failure, HTTPException: problems.on_http_exception,
                            Exception: problems.on_bug})
    # Redirected slashes would send callers to an address made from the Host header.
    app.router = routing.Lanes([*all_routes(), *more_routes], lifespan=lifespan, redirect_slashes=False)
    app.state.context = here
    app.state.doors = routing.Doors(_of_session, _of_key, _of_operator, _check_reach)
    return app


def all_routes() -> list[BaseRoute]:
    """Every route that all programs have, room by room."""
    from app.card_pages import coupons as coupon_pages
    from app.card_pages import pages as card_pages
    from app.card_pages import questions as question_pages
    from app.card_pages import receipts
    from app.console import pages as console_pages
    from app.enrolment import pages as enrolment_pages
    from app.google import callbacks_api as google_callbacks
    from app.google import pages as google_pages
    from app.images import api as images_api
    from app.ledger import pages as ledger_pages
    from app.operators import factor_pages as operator_factor_pages
    from app.operators import pages as operator_pages
    from app.passes import pages as pass_pages
    from app.posters import pages as poster_pages
    from app.privacy import pages as privacy_pages
    from app.profiles import pages as profile_pages
    from app.registrations import api as registrations_api
    from app.sales import pages as sales_pages
    from app.sms import api as sms_api
    from app.till import api as till_api
    from app.till import pages as till_pages
    from app.web import front, status

    # Tried in this order, for every request: what tills and phones call comes first.
    rooms = (till_api, registrations_api, assets, images_api, front, status, enrolment_pages, card_pages, coupon_pages, receipts,
             question_pages, profile_pages, ledger_pages, sales_pages, pass_pages, google_pages, google_callbacks, sms_api, till_pages,
             poster_pages, privacy_pages, console_pages, operator_pages, operator_factor_pages)
    return [route for room in rooms for route in room.routes]


async def _hang_up(here: Context) -> None:
    """The connections that pages and jobs of this process share."""
    if "google" in here.extras:
        from app.google import service as google

        await google.close(here)


async def _measure(here: Context) -> list[Gauge]:
    """For /metrics: what the guard did, how long pass certificates still live, which versions of passes were kept, how messages do."""
    from app.certificates import watching
    from app.passes import keeping
    from app.sms import measures

    kept = keeping.counts(here)
    return [*await measures.gauges(here), *itertools.starmap(Gauge, here.extras["guard"].measures()),
            Gauge("tessera_pass_certificate_seconds_left", "Until the last certificate of a pass type ends", "pass_type",
                  await watching.seconds_left(here, here.clock.now())),
            Gauge("tessera_passes_kept", "Fetched versions of passes since the start, kept and too large to be kept", "outcome",
                  {"kept": kept.kept, "too_large": kept.too_large})]


async def _of_session(request: Request, kind: str) -> Principal | None:
    here: Context = request.app.state.context
    token = cookie(request, here.settings, kind)
    if not token:
        return None
    who = await staff.principal_of_session(here.db, here.ring, token, kind, here.clock.now(), is_use=request.url.path not in BY_ITSELF)
    return await _at_till(request, who) if who is not None and kind == "till" else who


async def _at_till(request: Request, who: Principal) -> Principal:
    """Bound to the paired device in whose browser it is; in training, in the business's copy."""
    here: Context = request.app.state.context
    if who.device_id is None and (device := cookie(request, here.settings, "device")):
        from app.devices import service as devices

        who = await devices.bind(here.db, here.ring, who, device, here.clock.now())
    if who.training:
        from app.till import practice

        who = await practice.principal_in(here, who, here.clock.now())
    return who


async def _of_key(request: Request, plain: str) -> Principal | None:
    here: Context = request.app.state.context
    now = here.clock.now()
    kept = await keys.known_key(here.db, here.ring, plain, now, here.settings.key_rate)
    if kept is None:
        return None
    request.state.key_ends_at = kept.ends_at
    if kept.allowance is not None:
        request.state.allowance = kept.allowance
        if not kept.allowance.take(to_ms(now)):
            raise keys.TooManyRequests(retry_after=kept.allowance.retry_after)
    return kept.principal


async def _of_operator(request: Request) -> Principal | None:
    from app.operators import service as operators

    here: Context = request.app.state.context
    token = cookie(request, here.settings, "operator")
    return await operators.principal_of_session(here.db, here.ring, token, here.clock.now()) if token else None


async def _check_reach(request: Request, who: Principal) -> None:
    from app.sales import reach

    query = {"program": named} if (named := request.query_params.get("program")) else {}
    await reach.check(request.app.state.context, who, {**query, **request.path_params}, is_till=request.url.path.startswith("/till"))


@contextlib.asynccontextmanager
async def publishing(here: Context, broker: Broker) -> AsyncIterator[None]:
    """The one poller of this process: numbered updates, read when the database says there are some, go to the streams."""
    wake = asyncio.Event()
    await here.db.listen("updates", wake.set)
    task = asyncio.create_task(_publish(here, broker, wake, await updates.newest(here.db)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _publish(here: Context, broker: Broker, wake: asyncio.Event, number: int) -> None:
    """What comes after `number`. Never ends: a database that cannot be read for a while only makes pages late."""
    while True:
        try:
            await wake.wait()
            await asyncio.sleep(GATHER_SECONDS)     # one look for all the commits of a moment
            wake.clear()
            while rows := await updates.since(here.db, number, UPDATES_AT_ONCE):
                number = rows[-1].number
                for row in rows:
                    broker.publish((f"card:{row.card_id}", f"business:{row.business_id}"), row.number)
        except errors.Unavailable as exc:
            log.warning("open pages wait for news: %s", exc)
            wake.set()
            await asyncio.sleep(RETRY_SECONDS)
