"""One class or object brought to Google: made where it is missing, written over where it is there, an announcement only where one fits."""
import logging
from datetime import datetime, timedelta
from functools import partial

from app.db import Transaction, write_transaction
from app.google import checks, notices, store
from app.google.client import Answer
from app.google.connections import Google, Line, Outcome
from app.google.drawing import Drawn, draw_class, draw_object
from app.google.issuers import issuer_of
from app.google.notices import Notice
from app.google.rules import Body, fingerprint, method_for
from app.google.store import CLASSES, OBJECTS, ClassRow, ObjectRow
from app.google.verdicts import CONFIGURATION_PAUSE, Verdict, backoff

log = logging.getLogger("tessera.google")

# A person who pressed the button saves the card within minutes; asked a little later, Google knows.
FIRST_LOOK = timedelta(minutes=2)
SAME = Outcome(Verdict.DONE, Answer(0))        # nothing had to be asked
NO_ISSUER = Outcome(Verdict.CONFIGURATION, Answer(0, "noIssuer", "There is no key of this issuer any more."))
SCHEMA = "schema"


async def send_class(google: Google, row: ClassRow) -> Outcome:
    """The class as its programme is now. What becomes of it is kept in its row; nothing is raised."""
    here = google.here
    issuer = await issuer_of(here, row.business_id, row.issuer_id)
    if issuer is None:
        return await _note_class(google, row, NO_ISSUER, b"")
    body = await draw_class(here, row)
    if wrong := checks.problems_of("LoyaltyClass", body):
        return await _note_class(google, row, _bug("class", row.id, wrong), b"")
    mark = fingerprint(body)
    if row.is_created and mark == row.fingerprint:
        return await _note_class(google, row, SAME, mark)
    line, path = google.line(issuer), f"/loyaltyClass/{row.class_id}"
    outcome = await line.call("PATCH", path, body) if row.is_created else Outcome(Verdict.MISSING, Answer(404))
    if outcome.verdict is Verdict.MISSING:
        outcome = await line.call("POST", "/loyaltyClass", body)
        if outcome.verdict is Verdict.EXISTS:
            outcome = await line.call("PATCH", path, body)
    return await _note_class(google, row, outcome, mark)


async def _note_class(google: Google, row: ClassRow, outcome: Outcome, mark: bytes) -> Outcome:
    here, now = google.here, google.here.clock.now()
    if outcome.verdict is Verdict.DONE:
        review = outcome.answer.body.get("reviewStatus")
        status = outcome.answer.status or row.last_status
        await write_transaction(here.db, lambda tx: store.sent_class(tx, row, mark, review if isinstance(review, str) else None, status))
    elif outcome.verdict in (Verdict.UNAVAILABLE, Verdict.CONFIGURATION):
        await write_transaction(here.db, partial(_later, google, CLASSES, row.id, row.tries, outcome, now))
    else:
        log.error("Google refuses the class %s: %s %s", row.class_id, outcome.answer.status, outcome.reason)
        await write_transaction(here.db, lambda tx: store.gave_up_class(tx, row, outcome.answer.status, outcome.reason))
    return outcome


async def send_object(google: Google, row: ObjectRow) -> Outcome:
    """The object as its card is now, its class before it. What becomes of it is kept in its row; nothing is raised."""
    here = google.here
    kept = await store.get_class(here.db, row.class_row_id)
    issuer = await issuer_of(here, row.business_id, kept.issuer_id)
    if issuer is None:
        return await _note_object(google, row, NO_ISSUER, None)
    drawn = await draw_object(here, row, kept.class_id, here.clock.now())
    if wrong := checks.problems_of("LoyaltyObject", drawn.body):
        return await _note_object(google, row, _bug("object", row.id, wrong), None)
    line = google.line(issuer)
    if drawn.is_shred:
        outcome = await line.call("PUT", f"/loyaltyObject/{row.object_id}", drawn.body)
        # What Google does not know holds nothing any more.
        return await _note_object(google, row, SAME if outcome.verdict is Verdict.MISSING else outcome, drawn)
    notice = drawn.notice if drawn.notice is not None and await _may_announce(google, row) else None
    outcome = await _deliver(google, line, row, kept, drawn, notice)
    if notice is not None and notice.message is not None:
        drawn = drawn._replace(shown=notices.remembered(drawn.shown, notice.message))
    return await _note_object(google, row, outcome, drawn)


async def _deliver(google: Google, line: Line, row: ObjectRow, kept: ClassRow, drawn: Drawn, notice: Notice | None) -> Outcome:
    """The change, then the message that speaks of it; a change that nobody can see is no request."""
    outcome = SAME
    if not row.is_created or fingerprint(drawn.body) != row.fingerprint:
        outcome = await _write(google, line, row, kept, drawn.body, notify=notice is not None and notice.message is None)
    if outcome.verdict is Verdict.DONE and notice is not None and notice.message is not None:
        outcome = await _say(line, row, notice.message)
    return outcome


async def _write(google: Google, line: Line, row: ObjectRow, kept: ClassRow, body: Body, *, notify: bool) -> Outcome:
    """PATCH, or PUT where a member has to go; what Google does not know is made anew."""
    path = f"/loyaltyObject/{row.object_id}"
    if row.is_created:
        method = method_for(row.shown.outline if row.shown else (), body)
        outcome = await line.call(method, path, {**body, "notifyPreference": "NOTIFY_ON_UPDATE"} if notify else body)
        if outcome.verdict is Verdict.QUOTA and notify:
            outcome = await line.call(method, path, body)
        if outcome.verdict is not Verdict.MISSING:
            return outcome
    return await _insert(google, line, row, kept, body)


async def _insert(google: Google, line: Line, row: ObjectRow, kept: ClassRow, body: Body) -> Outcome:
    outcome = await _with_class(google, kept.id, is_missing=False)
    if outcome is None:
        outcome = await line.call("POST", "/loyaltyObject", body)
    if outcome.verdict is Verdict.MISSING:
        # Its class, then: Google lost it, or it was made at another issuer's.
        again = await _with_class(google, kept.id, is_missing=True)
        outcome = again if again is not None else await line.call("POST", "/loyaltyObject", body)
    if outcome.verdict is Verdict.EXISTS:
        # An earlier insert arrived and its answer did not; what it said may be old.
        outcome = await line.call("PATCH", f"/loyaltyObject/{row.object_id}", body)
    return outcome


async def _with_class(google: Google, class_row_id: int, *, is_missing: bool) -> Outcome | None:
    """None once Google has the class, else what stands against it. is_missing: Google said that it does not know it."""
    here = google.here
    async with google.lock_of(class_row_id):
        row = await store.get_class(here.db, class_row_id)
        if is_missing and row.is_created:
            await write_transaction(here.db, lambda tx: store.lost_class(tx, class_row_id, here.clock.now()))
            row = await store.get_class(here.db, class_row_id)
        if row.is_created:
            return None
        outcome = await send_class(google, row)
        return None if outcome.verdict is Verdict.DONE else outcome


async def _say(line: Line, row: ObjectRow, message: Body) -> Outcome:
    """Add a message that is announced, or quietly where the quota is used up."""
    path = f"/loyaltyObject/{row.object_id}/addMessage"
    for said in (message, notices.quiet(message)):
        body = {"message": said}
        if wrong := checks.problems_of("AddMessageRequest", body):
            return _bug("message", row.id, wrong)
        outcome = await line.call("POST", path, body)
        if outcome.verdict is not Verdict.QUOTA:
            break
    return outcome


async def _may_announce(google: Google, row: ObjectRow) -> bool:
    """Whether this card's holder may be told once more today; counted before anything goes out."""
    now = google.here.clock.now()
    if not notices.may_notify(row.notified_at, row.notified_before_at, now):
        return False
    await write_transaction(google.here.db, lambda tx: store.notified(tx, row.id, now))
    return True


async def _note_object(google: Google, row: ObjectRow, outcome: Outcome, drawn: Drawn | None) -> Outcome:
    here, now = google.here, google.here.clock.now()
    status = outcome.answer.status or row.last_status
    if outcome.verdict is Verdict.DONE and drawn is not None and drawn.is_shred:
        await write_transaction(here.db, lambda tx: store.shredded(tx, row.id, status))
    elif outcome.verdict is Verdict.DONE and drawn is not None:
        mark, look = fingerprint(drawn.body), now + FIRST_LOOK
        await write_transaction(here.db, lambda tx: store.sent_object(tx, row, mark, drawn.shown, status, look))
    elif outcome.verdict in (Verdict.UNAVAILABLE, Verdict.CONFIGURATION, Verdict.QUOTA):
        await write_transaction(here.db, partial(_later, google, OBJECTS, row.id, row.tries, outcome, now))
    else:
        log.error("Google refuses the card of row %s: %s %s", row.id, outcome.answer.status, outcome.reason)
        await write_transaction(here.db, lambda tx: store.gave_up_object(tx, row, outcome.answer.status, outcome.reason))
    return outcome


async def _later(google: Google, table: str, row_id: int, tries: int, outcome: Outcome, now: datetime,
                 tx: Transaction) -> None:
    wait = CONFIGURATION_PAUSE if outcome.verdict is Verdict.CONFIGURATION else backoff(max(tries, 1), google.jitter())
    await store.failed(tx, table, row_id, outcome.answer.status, outcome.reason, now + wait)


def _bug(what: str, row_id: int, wrong: list[str]) -> Outcome:
    """A body that the schema refuses is our mistake: it is not sent, and asking Google would not mend it."""
    log.error("a %s for Google (row %s) does not fit its schema and is not sent: %s", what, row_id, "; ".join(wrong))
    return Outcome(Verdict.REFUSED, Answer(0, SCHEMA, "; ".join(wrong)))
