"""One row goes in: its person, their card, old numbers, opening balance, level, tags and answers, in the transaction of its batch."""
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.cards import service as cards
from app.cards import store as cards_store
from app.cards.service import Card, IssuedNumbers
from app.clock import to_ms
from app.customers import fields as customer_fields
from app.customers import service as customers
from app.customers.service import Customer
from app.db import Transaction
from app.enrolment import rules as enrolment_rules
from app.enrolment import service as enrolment
from app.enrolment.service import Wish
from app.imports import store
from app.imports.rules import Options, Person, moment_of_end
from app.imports.store import Import
from app.ledger import service as ledger
from app.ledger.operations import Draft
from app.programs.store import Program
from app.questions import service as questions
from app.questions.rules import Question
from app.secrets import KeyRing
from app.segments import service as segments
from app.standing import service as standing
from app.web.principal import Principal

LEVEL_FOR = timedelta(days=365)
REASON = {"en": "Balance from the former card", "ru": "Остаток с прежней карты"}
Notes = list[tuple[int, str, str, str, dict[str, object]]]


@dataclass(frozen=True, slots=True)
class Case:
    """What all rows of a batch share."""

    ring: KeyRing
    who: Principal
    program: Program
    found: Import
    options: Options
    questions: Sequence[Question]
    now: datetime


@dataclass(frozen=True, slots=True)
class Drawn:
    """Random material of one row: a batch may run again and must write the same."""

    numbers: IssuedNumbers

    @staticmethod
    def draw(prefix: str) -> "Drawn":
        return Drawn(IssuedNumbers.draw(prefix))


async def take(tx: Transaction, case: Case, person: Person, drawn: Drawn) -> Notes:
    """What is to be said about the row: a mistake where it stayed out after all, because the base has changed since the trial."""
    business_id, found = case.found.business_id, case.found
    by_alias = [card for alias in person.aliases if (card := await cards_store.by_alias(tx, business_id, alias))]
    customer = await _customer(tx, case, person, by_alias)
    if any(customer is None or card.customer_id != customer.id for card in by_alias):
        return [(person.row, "mistake", "alias", "alias_taken", {})]
    is_known = customer is not None
    customer_id = customer.id if customer else await customers.create(
        tx, case.ring, business_id, language=person.language, now=case.now, e164=person.phone, name=person.name, email=person.email,
        birthday=person.birthday)
    card, is_new = await _card(tx, case, customer_id if is_known else None, customer_id, person, drawn)
    if card is None:
        return [(person.row, "mistake", "", "ended_card", {})]
    notes = await _fill(tx, case, person, customer) if customer else []
    added = [alias for alias in person.aliases if await cards_store.append_alias(tx, business_id, alias, card.id, to_ms(case.now))]
    pending = await _wait(tx, case, person, card) if is_new and (person.phone or person.email) else None
    operation_id, said = await _load(tx, case, person, card, bool(added) or is_new)
    await _describe(tx, case, person, customer_id, card)
    await store.insert_person(tx, {
        "business_id": business_id, "import_id": found.id, "row_number": person.row, "customer_id": customer_id,
        "account_id": card.account_id, "card_id": card.id, "operation_id": operation_id, "enrolment_id": pending,
        "alias": "\n".join(added) or None, "is_new_card": int(is_new), "may_write": int(person.may_write)})
    return [*notes, *said]


async def _customer(tx: Transaction, case: Case, person: Person, by_alias: Sequence[Card]) -> Customer | None:
    """Who this is already: by phone; a row without one by its old number or its address."""
    if person.phone:
        return await customers.find_by_phone(tx, case.ring, case.found.business_id, person.phone)
    if by_alias and by_alias[0].customer_id:
        return await customers.get(tx, case.ring, case.found.business_id, by_alias[0].customer_id)
    if person.email:
        return await customers.find_by_email(tx, case.ring, case.found.business_id, person.email)
    return None


async def _card(tx: Transaction, case: Case, known_id: int | None, customer_id: int, person: Person,
                drawn: Drawn) -> tuple[Card | None, bool]:
    """(the card that the row is about, whether it was made now): the live one that they have, else a provisional one.

    None for somebody whose card is blocked: a list must not give them another one.
    """
    program = case.program
    held = await cards.cards_of_customer(tx, program.business_id, known_id, program.id) if known_id else []
    if live := next((card for card in held if card.status in ("active", "provisional")), None):
        return live, False
    if any(card.status == "blocked" for card in held):
        return None, False
    account_id = await ledger.open_account(tx, program.business_id, program.id, customer_id, case.now)
    return await cards.issue(tx, case.ring, case.who, program_id=program.id, account_id=account_id, status="provisional", source="import",
                             numbers=drawn.numbers, now=case.now, provisional_until=case.now + enrolment_rules.IMPORTED_LIFE), True


async def _fill(tx: Transaction, case: Case, person: Person, customer: Customer) -> Notes:
    """What the list knows of somebody known: missing things are filled in, the name changes where that was chosen."""
    business_id, notes = case.found.business_id, Notes()
    if person.name and person.name != customer.name:
        if customer.name is None or case.options.names == "update":
            await cards.rename_customer(tx, case.ring, case.who, customer.id, person.name, case.now)
        else:
            notes.append((person.row, "note", "name", "name_kept", {}))
    if person.birthday and customer.birthday_on is None:
        await customer_fields.set_birthday(tx, business_id, customer.id, person.birthday)
    if person.email and not customer.has_email:
        await customer_fields.set_email(tx, case.ring, business_id, customer.id, person.email, is_known=True)
    return notes


async def _wait(tx: Transaction, case: Case, person: Person, card: Card) -> int:
    """The enrolment that a campaign's invitation finishes; nothing is sent."""
    wish = Wish(case.program.id, person.phone, "import", person.language, name=person.name, email=person.email, card_id=card.id)
    return (await enrolment.prepare_imported(tx, case.ring, case.who, case.program, wish, case.now)).id


async def _load(tx: Transaction, case: Case, person: Person, card: Card, is_another: bool) -> tuple[int | None, Notes]:
    """The opening balance as lots. is_another: the row brings a card or an old number of its own.

    An account gets what another list brought once, and of one list only what its other old cards held: a list that is taken in again,
    or that names a row twice, doubles nothing.
    """
    if not person.amount and not person.stamps:
        return None, []
    await ledger.lock(tx, case.found.business_id, [card.account_id])
    earlier = await store.loads_of(tx, case.found.business_id, card.account_id)
    if any(row["import_id"] != case.found.id for row in earlier) or (earlier and not is_another):
        return None, [(person.row, "note", "balance", "balance_again", {})]
    program, now = case.program, case.now
    purses = await ledger.purses_of(tx, card.account_id, now, now, (program.rules.unit, "stamps"))
    if person.amount and person.ends_on:
        purses[program.rules.unit].earn(person.amount, to_ms(moment_of_end(person.ends_on, program.time_zone)), "adjusted")
    elif person.amount:
        ledger.put(purses[program.rules.unit], person.amount, program.rules, now, program.time_zone, book="adjusted")
    if person.stamps:
        ledger.put(purses["stamps"], person.stamps, program.rules, now, program.time_zone, book="adjusted")
    draft = Draft("adjustment", program.id, card.account_id, card.id, to_ms(now), program.rules_version,
                  texts={"reason": REASON[program.language], "import": case.found.id})
    return (await ledger.post(tx, case.who, draft, purses, now)).id, []


async def _describe(tx: Transaction, case: Case, person: Person, customer_id: int, card: Card) -> None:
    if person.level:
        await standing.set_imported(tx, case.who, case.program, card.account_id, person.level, case.now + LEVEL_FOR, case.now)
    if person.tags:
        await segments.add_tags(tx, case.found.business_id, customer_id, person.tags)
    if person.answers:
        await questions.answer(tx, case.ring, case.who, case.program, customer_id,
                               {int(key): value for key, value in person.answers.items()}, case.now, with_bonus=False)
