"""The link by mail, where a business allows it: counted as messages are, on the same page's behalf, and free of charge."""
from datetime import datetime

from app.db import Transaction
from app.enrolment import contacts, rules, store
from app.enrolment.rules import Enrolment
from app.errors import Refused, Unavailable
from app.limits import service as limits
from app.limits.rules import Limit, LimitReached
from app.mail import service as mail
from app.mail.service import Mail
from app.programs import service as programs
from app.programs.store import Business
from app.secrets import KeyRing
from app.settings import Settings
from app.sms import allowances
from app.sms.allowances import DAY, HOUR, Allowance
from app.text import N_
from app.web.principal import Principal

TOO_SOON = N_("A mail went to this address a moment ago. Wait a minute before the next one.")
_SUBJECT = {"en": "{brand}: your card", "ru": "{brand}: ваша карта"}
_TEXT = {
    "en": "{brand} has a card for you. It is yours once you open this link and press the button there:\n\n{link}\n\n"
          "If you did not ask for it, open the link and press “This is not for me”: then {brand} writes no more.\n",
    "ru": "У {brand} есть карта для вас. Она станет вашей, когда вы откроете ссылку и нажмёте кнопку:\n\n{link}\n\n"
          "Если вы её не просили, откройте ссылку и нажмите «Это не для меня»: {brand} больше не напишет.\n",
}


class MailStopped(Refused):
    """The person behind this address wants no mail from this business."""

    code, detail = "address_suppressed", N_("This address asked for no mail. Ask the shopper for another one, or for a number.")


class NoMailServer(Unavailable):
    code, detail = "no_mail_server", N_("This server sends no mail. Ask for a mobile number, or set TESSERA_SMTP.")


async def queue(tx: Transaction, ring: KeyRing, settings: Settings, who: Principal, business: Business, email: str, brand: str, link: str,
                language: str, now: datetime, *, location_id: int | None = None, address: str | None = None,
                poster: str | None = None) -> int:
    """A mail with a link into the outbox, inside the caller's transaction; returns its id.

    address: the public form's caller; poster: what limits count it under. Raises NoMailServer, MailStopped, LimitReached (`in_gap`: too
    soon after the last one to this address), having written nothing then.
    """
    if not mail.is_set_up(settings):
        raise NoMailServer()
    if await store.is_mail_suppressed(tx, business.id, contacts.email_hash(ring, business.id, email)):
        raise MailStopped()
    counted = None if address is None or (settings.demo and allowances.is_loopback(address)) else address
    asked = _limits(ring, allowances.allowance_of(business.settings), who, business.id, email, location_id, counted, poster)
    try:
        await limits.hit(tx, asked, now)
    except LimitReached as refusal:
        refusal.detail = TOO_SOON if refusal.in_gap else refusal.detail
        raise
    said = language if language in _TEXT else "en"
    letter = Mail(email, _SUBJECT[said].format(brand=brand), _TEXT[said].format(brand=brand, link=link))
    mail_id = await mail.queue(tx, ring, letter, kind="enrolment", business_id=business.id, now=now)
    assert mail_id is not None
    return mail_id


def _limits(ring: KeyRing, allowance: Allowance, who: Principal, business_id: int, email: str, location_id: int | None,
            address: str | None, poster: str | None) -> list[Limit]:
    """The same places as a text message's, in counters of their own; an address is counted for all businesses together."""
    person = ring.lookup_hash("email.server", email.casefold()).hex()
    network = ring.lookup_hash("address", allowances.networks_of(address)[0]).hex() if address else None
    optional = [("mail.staff", str(who.id) if who.kind == "staff" else None, HOUR, allowance.cashier_hour),
                ("mail.location", None if location_id is None else str(location_id), HOUR, allowance.location_hour),
                ("mail.poster", poster, HOUR, allowance.poster_hour), ("mail.network", network, HOUR, allowance.address_hour)]
    return [Limit("mail.person", person, DAY, allowance.phone_day, allowance.phone_gap_seconds),
            Limit("mail.business", str(business_id), DAY, allowance.business_day),
            *(Limit(scope, subject, seconds, most) for scope, subject, seconds, most in optional if subject is not None)]


async def send_link(tx: Transaction, ring: KeyRing, settings: Settings, who: Principal, enrolment: Enrolment, email: str, brand: str,
                    link: str, now: datetime, *, address: str | None, poster: str | None) -> None:
    """An enrolment's link; the row remembers the mail, so that the till can say how far it has come."""
    business = await programs.get_business(tx, enrolment.business_id)
    mail_id = await queue(tx, ring, settings, who, business, email, brand, link, enrolment.language, now,
                          location_id=enrolment.location_id, address=address,
                          poster=rules.poster_subject(enrolment.program_id, poster or "") if enrolment.source == "poster" else None)
    await store.set_mail(tx, enrolment.id, mail_id)
