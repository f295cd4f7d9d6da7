"""After a breach: which shoppers a key or a member of staff saw since a day, as a page and as a table."""
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from app.clock import from_ms, rfc3339
from app.console import frame, privacy
from app.customers import service as customers
from app.privacy import reads
from app.programs import service as programs
from app.staff import keys
from app.staff import service as staff
from app.text import N_
from app.web import routing
from app.web.requests import context, principal
from app.web.tables import csv_answer, csv_rows

READS = f"{privacy.PRIVACY}/reads"
SHOWN, EXPORTED = 100, 1_000_000
KINDS = {"staff": "staff", "key": "api_key"}
WRONG_DAY = N_("Choose a day.")


async def reads_page(request: Request) -> Response:
    """GET /console/privacy/reads?who=&since=&form=csv: nothing chosen shows the form alone."""
    here, who, asked = context(request), principal(request), request.query_params
    business = await programs.get_business(here.db, who.business_id)
    people = await staff.list_staff(here.db, here.ring, who.business_id)
    choices = [*((f"staff-{here.ids.encode('staff', each.id)}", each.name) for each in people),
               *((f"key-{here.ids.encode('api_key', each.id)}", each.name) for each in await keys.list_keys(here.db, who.business_id))]
    chosen, day = asked.get("who", ""), _day(asked.get("since", ""))
    values = {"choices": choices, "chosen": chosen, "since": asked.get("since", ""), "rows": None, "more": False, "csv_url": "",
              "action": READS}
    if chosen not in dict(choices):
        return await frame.page(request, "privacy_reads", values)
    if day is None:
        return await frame.page(request, "privacy_reads", values, wrong={"since": frame.said(request, WRONG_DAY)}, status=422)
    kind, _, public_id = chosen.partition("-")
    actor_id = here.ids.decode("staff" if kind == "staff" else "api_key", public_id) or 0
    since = datetime.combine(day, time(), ZoneInfo(business.time_zone)).astimezone(UTC)
    most = EXPORTED if asked.get("form") == "csv" else SHOWN + 1
    found = await reads.since(here.db, who.business_id, KINDS[kind], actor_id, since, most)
    if asked.get("form") == "csv":
        return _table(request, found)
    shown = found[:SHOWN]
    known = await customers.get_many(here.db, here.ring, who.business_id, {each.customer_id for each in shown if each.customer_id})
    rows = [{"url": f"/console/cards/{here.ids.encode('card', each.card_id)}", "number": each.number, "first": from_ms(each.first_at),
             "name": (person.name if (person := known.get(each.customer_id or 0)) else None) or "", "hours": each.hours} for each in shown]
    return await frame.page(request, "privacy_reads", {**values, "rows": rows, "more": len(found) > SHOWN,
                                                       "csv_url": f"{READS}?who={chosen}&since={day.isoformat()}&form=csv"})


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _table(request: Request, found: list[reads.Read]) -> Response:
    """Card numbers and hours alone: the list may travel."""
    head = [frame.said(request, word) for word in (N_("Card number"), N_("First seen"), N_("Last seen"), N_("Hours"))]
    rows = [[each.number, rfc3339(from_ms(each.first_at)), rfc3339(from_ms(each.last_at)), each.hours] for each in found]
    return csv_answer("reads", csv_rows([head, *rows]))


routes = [routing.route(READS, reads_page, who=frame.OWNER_READ, name="console:reads")]
