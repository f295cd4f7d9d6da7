"""Enrolments through the API: started, followed, sent again, cancelled."""
from starlette.requests import Request
from starlette.responses import Response

from app.customers import phones
from app.customers import rules as customer_rules
from app.enrolment import contacts, ways
from app.enrolment import service as enrolment
from app.enrolment.service import Wish
from app.errors import FieldError, Invalid
from app.idempotency.rules import Key
from app.programs import service as programs
from app.text import N_
from app.till import answers, asking, shapes
from app.till.calls import KEY, Call
from app.web.requests import context, principal
from app.web.routing import key

NO_PHONE = N_("Send the shopper's mobile number, or an e-mail address where the programme allows it: the link goes there.")
NO_EMAIL = N_("This programme sends no links by mail. Leave the e-mail address out.")


async def start(request: Request) -> Response:
    """POST /enrolments"""
    here, who, asked = context(request), principal(request), await asking.asked(request, shapes.EnrolmentBody)
    body, business = asked.body, await programs.get_business(here.db, who.business_id)
    if body.phone is None and body.email is None:
        raise Invalid(fields=[FieldError("phone", "required", NO_PHONE)])
    e164 = None if body.phone is None else phones.parse_phone(body.phone, business.country,
                                                              {business.country, *here.settings.sms_countries})
    program_id = asking.id_of(request, "program", body.program)
    if body.email is not None and not (await ways.ways_of(here.db, await programs.get_program(here.db, who.business_id, program_id))).mail:
        raise Invalid(fields=[FieldError("email", "not_available", NO_EMAIL)])
    wish = Wish(
        program_id, e164, "api", body.language or business.language,
        customer_rules.clean_name(body.name), await asking.location_id(request, body.location),
        email=contacts.parse_email(body.email) if body.email is not None else None)
    told = await enrolment.start(here.db, here.ring, here.settings, who, wish, here.clock.now(), asked.key)
    return await _answered(request, told, 202, asked.key)


async def _answered(request: Request, told: enrolment.Told, status: int = 200, key_: Key | None = None) -> Response:
    """In a sandbox with the message that nobody got, so that a program can finish the join."""
    here, who, message = context(request), principal(request), None
    if who.sandbox and told.id is not None:
        message = await enrolment.sandbox_message(here.db, here.ring, who.business_id, told.id)
    return asking.answered(answers.enrolment(here, told, message), status, key_)


async def get(request: Request) -> Response:
    here = context(request)
    return await _answered(request, await enrolment.get(here.db, principal(request).business_id, asking.id_in_path(request, "enrolment")))


async def resend(request: Request) -> Response:
    here, asked, enrolment_id = context(request), await asking.asked(request, shapes.Nothing), asking.id_in_path(request, "enrolment")
    told = await enrolment.resend(here.db, here.ring, here.settings, principal(request), enrolment_id, here.clock.now(), asked.key)
    return await _answered(request, told, 202, asked.key)


async def cancel(request: Request) -> Response:
    here, asked, enrolment_id = context(request), await asking.asked(request, shapes.Nothing), asking.id_in_path(request, "enrolment")
    told = await enrolment.cancel(here.db, here.ring, principal(request), enrolment_id, here.clock.now(), asked.key)
    return await _answered(request, told, 200, asked.key)


_WRITE = key("cards:write", "enrolments:write")
_SENT = ("number_suppressed", "address_suppressed")

CALLS = (
    Call("POST", "/enrolments", "api:start_enrolment", start, _WRITE, "Enrolments",
         "Sends a link to a phone; the card is provisional until the shopper finishes, and may be credited at once", shapes.Enrolment, 202,
         shapes.EnrolmentBody, KEY, refusals=(*_SENT, "other_location"), may_text=True),
    Call("GET", "/enrolments/{id}", "api:get_enrolment", get, key("cards:read", "cards:write", "enrolments:write"), "Enrolments",
         "How far an enrolment has come", shapes.Enrolment, kind="enrolment"),
    Call("POST", "/enrolments/{id}/resend", "api:resend_enrolment", resend, _WRITE, "Enrolments", "Another message with another link",
         shapes.Enrolment, 202, shapes.Nothing, KEY, "enrolment", refusals=(*_SENT, "enrolment_over"), may_text=True),
    Call("POST", "/enrolments/{id}/cancel", "api:cancel_enrolment", cancel, _WRITE, "Enrolments",
         "Ends it: its links die, its points go back", shapes.Enrolment, 200, shapes.Nothing, KEY, "enrolment",
         refusals=("enrolment_over",)),
)
