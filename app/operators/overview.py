"""How the server does, for its operator: what ends, what waits, what runs. Numbers and names of certificates; nobody's data."""
from datetime import datetime, timedelta
from typing import Any

from app.certificates import watching
from app.clock import from_ms, to_ms
from app.context import Context
from app.operators import store
from app.text import N_
from app.web import formats

QUEUES = {"messages": N_("Messages to be sent"), "mails": N_("Mails to be sent"), "pushes": N_("Phones to be told of a changed card")}
ACTS = {"operator.invited": N_("made a sign-in link for an operator"), "operator.password_set": N_("set a password"),
        "operator.factor_added": N_("added a way to sign in"), "operator.factor_removed": N_("removed a way to sign in"),
        "operator.signed_in": N_("signed in"), "operator.signed_out": N_("signed out"), "business.founded": N_("made a business"),
        "business.closed": N_("closed a business"), "business.opened": N_("opened a business again"),
        "business.limited": N_("set a business's limits")}
SHOWN = 200


async def certificates(here: Context) -> list[dict[str, Any]]:
    """name, business ("" for the server's own), ends_at, is_over, is_soon; the soonest to end first."""
    now = here.clock.now()
    left = await watching.seconds_left(here, now)
    async with here.db.transaction(readonly=True) as tx:
        owners = {row["pass_type_identifier"]: row["business"] for row in await store.certificates(tx)}
    return [{"name": name, "business": owners.get(name, ""), "ends_at": now + timedelta(seconds=seconds), "is_over": seconds <= 0,
             "is_soon": 0 < seconds < 60 * 86_400} for name, seconds in sorted(left.items(), key=lambda each: each[1])]


async def queues(here: Context) -> list[tuple[str, int]]:
    async with here.db.transaction(readonly=True) as tx:
        waiting = await store.waiting(tx, to_ms(here.clock.now()))
    return [(word, waiting.get(name, 0)) for name, word in QUEUES.items()]


def jobs(here: Context) -> list[dict[str, Any]]:
    """name, every (seconds), runs, failures: of the jobs of this process, which are none where a worker runs them."""
    return [{"name": work.name, "every": round(work.job.every), "runs": work.runs, "failures": work.failures}
            for work in here.extras.get("jobs", ())]


async def measures(here: Context) -> list[dict[str, Any]]:
    """name, words, values: (label, number) of each gauge that rooms measure for /metrics; those without a value are left out."""
    found = [gauge for measure in here.extras.get("measures", ()) for gauge in await measure(here)]
    return [{"name": gauge.name, "words": gauge.help,
             "values": [(label, formats.points(round(value))) for label, value in gauge.values.items()]} for gauge in found if gauge.values]


async def acts(here: Context) -> list[dict[str, Any]]:
    """at, action, operator, business ("" for none)."""
    def row(each: Any) -> dict[str, Any]:
        at: datetime = from_ms(each["at"])
        return {"at": at, "action": each["action"], "operator": each["operator"], "business": each["business"] or ""}

    async with here.db.transaction(readonly=True) as tx:
        return [row(each) for each in await store.acts(tx, SHOWN)]
