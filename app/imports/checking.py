"""The dry run: what would become of each row, against the rows before it and against the people of the business. Changes nobody."""
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.customers import phones
from app.db import Transaction
from app.errors import Invalid
from app.imports import store
from app.imports.rules import QUESTION, Mistake, Person, Setting
from app.imports.store import Import, Reader
from app.questions.rules import OPTIONAL, Question, parse
from app.secrets import KeyRing

if TYPE_CHECKING:
    from app.imports.working import Judged


@dataclass(frozen=True, slots=True)
class Against:
    """What the business has already: hashes of phones, and old numbers with the hash of their owner's phone (None: without one)."""

    phones: set[bytes]
    aliases: dict[str, bytes | None]


def with_answers(person: Person, wrong: list[Mistake], asked: Sequence[Question], at: Setting) -> tuple[Person, list[Mistake]]:
    """The answers as they are kept; one that does not fit is left out and said."""
    if not person.answers:
        return person, wrong
    fitting: dict[str, str] = {}
    for question in asked:
        text = person.answers.get(question.key)
        if text is None:
            continue
        try:
            fitting |= {str(key): value for key, value in parse(
                [replace(question, need=OPTIONAL)], {question.field: text}, person.language, today=at.today).items()}
        except Invalid:
            wrong = [*wrong, Mistake(QUESTION + question.key, "answer")]
    return replace(person, answers=fitting), wrong


async def against(reader: Reader, ring: KeyRing, business_id: int, people: Sequence[Person]) -> Against:
    hashes = [phones.business_hash(ring, business_id, person.phone) for person in people if person.phone]
    aliases = [alias for person in people for alias in person.aliases]
    return Against(await store.known_phones(reader, business_id, hashes), await store.owners_of_aliases(reader, business_id, aliases))


async def note(tx: Transaction, ring: KeyRing, found: Import, judged: "Sequence[Judged]",
               known: Against) -> tuple[dict[str, int], list[tuple[int, str, str, str, dict[str, object]]]]:
    """(what was counted, what is to be said): a row is new, known, a duplicate or wrong, exactly one of them."""
    counted = {"rows_checked": len(judged), "new_rows": 0, "known_rows": 0, "duplicate_rows": 0, "wrong_rows": 0, "loaded": 0}
    notes: list[tuple[int, str, str, str, dict[str, object]]] = []
    named = await _named_before(tx, ring, found, judged)
    for each in judged:
        wrong, person = list(each.wrong), each.person
        stays_out, twice, is_known = each.stays_out, None, False
        if person is not None and not stays_out:
            key = phones.business_hash(ring, found.business_id, person.phone) if person.phone else None
            twice = named.get(("person", _who(person)), each.row)
            is_known = (key in known.phones) if key else any(alias in known.aliases for alias in person.aliases)
            for alias in person.aliases:
                if key and alias in known.aliases and known.aliases[alias] != key:
                    wrong.append(Mistake("alias", "alias_taken"))
                elif (other := named.get(("alias", alias), each.row)) != each.row and other != twice:
                    wrong.append(Mistake("alias", "alias_twice", {"row": other}))
            stays_out = any(mistake.code in ("alias_taken", "alias_twice") for mistake in wrong)
        if stays_out:
            counted["wrong_rows"] += 1
        elif twice is not None and twice != each.row:
            counted["duplicate_rows"] += 1
            wrong.append(Mistake("", "twice", {"row": twice}))
        else:
            counted["known_rows" if is_known else "new_rows"] += 1
            counted["loaded"] += person.amount if person else 0
        notes += [(each.row, "mistake" if stays_out else "note", mistake.field, mistake.code, dict(mistake.params)) for mistake in wrong]
    return counted, notes


def _who(person: Person) -> str:
    """By what a person is known in a list: the phone, else the first old number, else the address."""
    return person.phone or (person.aliases[0] if person.aliases else (person.email or "").casefold())


async def _named_before(tx: Transaction, ring: KeyRing, found: Import, judged: "Sequence[Judged]") -> dict[tuple[str, str], int]:
    """("person" | "alias", what it is known by) → the row that named it first, this one or an earlier one."""
    first: dict[tuple[str, str], int] = {}
    for each in judged:
        if each.person is not None and not each.stays_out:
            for name in (("person", _who(each.person)), *(("alias", alias) for alias in each.person.aliases)):
                first.setdefault(name, each.row)
    hashes = {name: ring.lookup_hash(f"import.seen:{found.id}", "\0".join(name))[:16] for name in first}
    earlier = await store.first_rows(tx, found.business_id, found.id, {hashes[name]: row for name, row in first.items()})
    return {name: earlier.get(hashes[name], row) for name, row in first.items()}
