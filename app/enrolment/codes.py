"""Digits that a shopper reads out to the cashier: they prove the phone, and the card is active before the receipt is printed."""
from datetime import datetime

from app import secrets
from app.audit import service as audit
from app.cards import service as cards
from app.cards.rules import Card, IssuedNumbers
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.enrolment import activation, contacts, sending, store, ways, ways_store
from app.enrolment.activation import Form
from app.enrolment.rules import Enrolment
from app.enrolment.service import EnrolmentOver
from app.enrolment.ways import WayClosed
from app.errors import Expired, FieldError, Invalid, NotFound
from app.programs import service as programs
from app.questions.rules import REQUIRED, Question
from app.secrets import KeyRing
from app.settings import Settings
from app.sms import service as sms
from app.text import N_
from app.web.principal import Principal

TRIES = 5
NOT_THIS = N_("This is not the code in the message, or it is too old. Have it read out once more, or send a new one.")
NOT_AGREED = N_("Ask the question, and tick the box once the answer was yes.")


def draw() -> str:
    """A code as it is read out."""
    return secrets.new_digits(sending.CODE_DIGITS)


async def send(db: Database, ring: KeyRing, settings: Settings, who: Principal, enrolment_id: int, now: datetime) -> None:
    """Texts a code to the number of an enrolment that a till began; codes sent before stay valid, because messages overtake each other.

    Raises NotFound, WayClosed, EnrolmentOver (also for one without a number), and what sms.queue raises, the gap's LimitReached included.
    """
    code = draw()

    async def act(tx: Transaction) -> None:
        enrolment = await _pending(tx, who.business_id, enrolment_id, now)
        program = await programs.get_program(tx, who.business_id, enrolment.program_id)
        if not (await ways.ways_of(tx, program)).code:
            raise WayClosed()
        wish = sending.wish_of(ring, enrolment)
        if wish.e164 is None:
            raise EnrolmentOver()
        await sending.send_code(tx, ring, settings, who, program, enrolment, wish, code, now)

    try:
        await write_transaction(db, act)
    except sms.REFUSALS as refusal:
        enrolment = await store.find(db, who.business_id, enrolment_id)
        if enrolment is not None and (e164 := contacts.phone_of(ring, enrolment)):
            await sms.note_refusal(db, settings, who.business_id, e164, refusal, now)
        raise


async def _pending(reader: Database | Transaction, business_id: int, enrolment_id: int, now: datetime) -> Enrolment:
    enrolment = await store.find(reader, business_id, enrolment_id)
    if enrolment is None:
        raise NotFound()
    if enrolment.status != "pending" or enrolment.expires_at <= to_ms(now):
        raise EnrolmentOver()
    return enrolment


async def questions_of(db: Database, ring: KeyRing, business_id: int, enrolment_id: int) -> list[Question]:
    """What the cashier asks besides the consents: only what the card cannot be without, and what nobody has answered yet.

    The rest can be asked on the card's page: a queue waits behind whoever fills a form at a till. Raises NotFound.
    """
    enrolment = await store.find(db, business_id, enrolment_id)
    if enrolment is None:
        raise NotFound()
    if enrolment.status != "pending":
        return []
    return [each for each in await activation.asked_of(db, ring, enrolment) if each.need == REQUIRED]


async def redeem(db: Database, ring: KeyRing, who: Principal, enrolment_id: int, code: str, form: Form, now: datetime) -> Card:
    """The cashier typed what the shopper read out, and asked for their consent: the card is active.

    form: what was asked, in the language that it was asked in; the consents are kept as said at the till. A wrong code counts, five of
    them end it; what was not asked is told before the code is looked at. Raises NotFound, EnrolmentOver, Invalid (fields `code`, `terms`
    and those of `questions_of`), ClubClosed, CardBlocked.
    """
    begun = await _pending(db, who.business_id, enrolment_id, now)
    asked = await questions_of(db, ring, who.business_id, enrolment_id)
    answers = activation.answers_in(form, asked, await programs.get_program(db, who.business_id, begun.program_id), NOT_AGREED, now)
    code_id = await _check(db, ring, who.business_id, enrolment_id, code.strip(), now)
    # The till's card has its number since it was begun; an act hands random material in all the same.
    numbers = IssuedNumbers.draw("100")

    async def act(tx: Transaction) -> Card:
        enrolment = await _pending(tx, who.business_id, enrolment_id, now)
        if not await ways_store.use_code(tx, code_id, to_ms(now)):
            raise EnrolmentOver()
        program = await programs.get_program(tx, who.business_id, enrolment.program_id)
        try:
            card = await activation.complete(tx, ring, program, enrolment, answers, form, numbers, now, "till")
        except Expired as exc:
            raise EnrolmentOver() from exc
        await audit.record(tx, who, "enrolment.told", "enrolment", enrolment.id, now=now)
        return await cards.get_card(tx, who.business_id, card.id)

    return await write_transaction(db, act)


async def _check(db: Database, ring: KeyRing, business_id: int, enrolment_id: int, code: str, now: datetime) -> int:
    """The code's row. The guess counts before it is compared, and stays counted whatever comes of it."""
    async def act(tx: Transaction) -> list[tuple[int, bytes]]:
        await _pending(tx, business_id, enrolment_id, now)
        return await ways_store.try_codes(tx, business_id, enrolment_id, TRIES, to_ms(now))

    for code_id, code_hash in await write_transaction(db, act):
        if secrets.same(code_hash, sending.code_hash(ring, enrolment_id, code)):
            return code_id
    raise Invalid(fields=[FieldError("code", "code", NOT_THIS)])
