"""What an operator's machines ask: is the process alive, may it get requests, how does it do."""
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app import errors
from app.installation import store as installation
from app.web.requests import client_address, context
from app.web.routing import public, route

PLAIN = {"Cache-Control": "no-store"}


async def health(request: Request) -> Response:
    """The process answers; nothing else is looked at, so that a database in trouble does not get the process restarted.

    `forwarded` says whether a proxy's headers arrive, and are believed: `doctor` asks.
    """
    forwarded = "none"
    if "x-forwarded-for" in request.headers:
        believed = request.client is not None and client_address(request) != request.client.host
        forwarded = "believed" if believed else "unconfigured"
    return JSONResponse({"status": "ok", "forwarded": forwarded}, headers=PLAIN)


async def ready(request: Request) -> Response:
    """200 where requests can be answered, 503 with the reason otherwise."""
    try:
        await installation.all_meta(context(request).db)
    except errors.Unavailable as failure:
        return JSONResponse({"status": "waiting", "code": failure.code, "why": failure.detail}, 503, headers={**PLAIN, "Retry-After": "1"})
    return JSONResponse({"status": "ok"}, headers=PLAIN)


async def metrics(request: Request) -> Response:
    """Prometheus text, for a collector on the same machine or the private network; whoever comes through a proxy finds nothing."""
    if not _is_near(request):
        raise errors.NotFound()
    # Imported here: a start does not need it, and most installations never ask.
    import prometheus_client
    from prometheus_client.core import CollectorRegistry

    registry = CollectorRegistry()
    prometheus_client.ProcessCollector(registry=registry)
    prometheus_client.GCCollector(registry=registry)
    here = context(request)
    registry.register(_Gauges(here.extras, [gauge for measure in here.extras.get("measures", ()) for gauge in await measure(here)]))
    return PlainTextResponse(prometheus_client.generate_latest(registry), headers=PLAIN, media_type=prometheus_client.CONTENT_TYPE_LATEST)


def _is_near(request: Request) -> bool:
    if request.client is None or "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_private
    except ValueError:
        return False


class Gauge(NamedTuple):
    """What a room measures when it is asked: `extras["measures"]` holds functions of the context that give some. values: by label."""

    name: str
    help: str
    label: str
    values: Mapping[str, float]


class _Gauges:
    """What the parts in `extras` count for themselves: event streams, the jobs' runs and failures, and what the rooms measured."""

    def __init__(self, extras: dict[str, Any], measured: Sequence[Gauge]) -> None:
        self.extras, self.measured = extras, measured

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        if (broker := self.extras.get("broker")) is not None:
            yield GaugeMetricFamily("tessera_event_streams", "Pages that wait for changes", value=broker.open_streams)
        runs = CounterMetricFamily("tessera_job_runs", "Runs of each job", labels=["job"])
        failures = CounterMetricFamily("tessera_job_failures", "Runs of each job that failed", labels=["job"])
        for work in self.extras.get("jobs", ()):
            runs.add_metric([work.name], work.runs)
            failures.add_metric([work.name], work.failures)
        yield runs
        yield failures
        for gauge in self.measured:
            family = GaugeMetricFamily(gauge.name, gauge.help, labels=[gauge.label])
            for value, number in gauge.values.items():
                family.add_metric([value], number)
            yield family


routes = [
    route("/health", health, who=public, name="web:health"),
    route("/ready", ready, who=public, name="web:ready"),
    route("/metrics", metrics, who=public, name="web:metrics"),
]
