"""Consent documents: what a business asks its shoppers to agree to, one document a purpose and language, in versions that never change.

`terms` (the card itself) and `marketing` are there from the beginning; further purposes are a business's own. A version is a
sentence for the box and, if the business wants one, a titled document at a public address; its SHA-256 covers all of it.
"""
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.audit import service as audit
from app.clock import from_ms, to_ms
from app.customers import documents_store as store
from app.customers import rules
from app.customers import service as customers
from app.customers.document_rules import Document, Draft, Purpose, parse_key, parse_names
from app.customers.store import Reader
from app.db import Transaction
from app.errors import NotFound
from app.web.i18n import LANGUAGES
from app.web.principal import Principal

__all__ = ["Document", "Draft", "Given", "Purpose", "add_purpose", "address_of", "answer", "close_purpose", "current", "current_of", "find",
           "find_version", "given_by", "history", "mark_of", "new_words", "purposes_of", "rename_purpose", "to_ask_again", "write"]


@dataclass(frozen=True, slots=True)
class Given:
    """One recorded answer of a shopper, and the very document that was read. actor: staff, api_key, shopper or system; id 0 for none."""

    document: Document
    granted: bool
    channel: str
    actor_kind: str
    actor_id: int | None
    at: datetime


async def purposes_of(reader: Reader, business_id: int) -> list[Purpose]:
    """The two that every business has, then its own that are still asked, in the order in which they were made."""
    return [*(Purpose(key, rules.PURPOSE_NAMES[key], is_own=False) for key in rules.PURPOSES), *await store.purposes(reader, business_id)]


async def current(reader: Reader, business_id: int, language: str) -> list[Document]:
    """What is asked for now, one document a purpose, the card's terms first.

    An own purpose that has no words in this language is left out: nobody agrees to what they cannot read. The default wordings
    come with id 0 and are kept when somebody answers them (`answer`).
    """
    found = {text.purpose: text for text in await store.newest(reader, business_id, language)}
    shown = [found.get(purpose.key) or _default(purpose.key, language) for purpose in await purposes_of(reader, business_id)]
    return [document for document in shown if document is not None]


def _default(purpose: str, language: str) -> Document | None:
    text = rules.DEFAULT_TEXTS.get((purpose, language))
    return None if text is None else Document(0, purpose, language, 1, "", text, "", rules.text_sha256(text), False, from_ms(0))


async def current_of(reader: Reader, business_id: int, purpose: str, language: str) -> Document | None:
    """The wording of one purpose that is asked for now; None where there is none in this language."""
    return next((each for each in await current(reader, business_id, language) if each.purpose == purpose), None)


async def history(reader: Reader, business_id: int, purpose: str, language: str) -> list[Document]:
    """Every version, the newest first; the default alone where the business wrote none."""
    default = _default(purpose, language)
    kept = await store.versions(reader, business_id, purpose, language)
    return kept or ([default] if default else [])


async def find(reader: Reader, business_id: int, document_id: int) -> Document | None:
    return await store.find(reader, business_id, document_id)


async def find_version(reader: Reader, business_id: int, purpose: str, language: str, version: int) -> Document | None:
    """What the public address `/e/{business}/terms/{purpose}/{language}/{version}` shows."""
    return next((each for each in await history(reader, business_id, purpose, language) if each.version == version), None)


async def write(tx: Transaction, who: Principal, draft: Draft, now: datetime) -> Document:
    """A new version, asked for from now on; the earlier ones stay as they were. The same words again change nothing.

    Raises NotFound for a purpose that the business does not have, Invalid for words that cannot be a document (`draft.check`).
    """
    draft = draft.check()
    if draft.purpose not in {purpose.key for purpose in await purposes_of(tx, who.business_id)}:
        raise NotFound()
    await customers.current_texts(tx, who.business_id, draft.language)      # the default wording is version 1 of the history
    newest = await current_of(tx, who.business_id, draft.purpose, draft.language)
    if newest is not None and (newest.title, newest.text, newest.long_text) == (draft.title, draft.text, draft.long_text):
        return newest
    version = newest.version + 1 if newest else 1
    document = await store.append(tx, who, draft, version, to_ms(now))
    await audit.record(tx, who, "consent_document.written", "consent_text", document.id, now=now, details={
        "purpose": draft.purpose, "language": draft.language, "version": version, "sha256": document.sha256.hex(),
        "ask_again": draft.ask_again})
    return document


async def add_purpose(tx: Transaction, who: Principal, key: str, names: Mapping[str, str], now: datetime) -> None:
    """An own purpose; it is asked for as soon as it has words. Raises Invalid (fields key, name_en …)."""
    key, names = parse_key(key), parse_names(names)
    await store.add_purpose(tx, who.business_id, key, names, to_ms(now))
    await audit.record(tx, who, "consent_purpose.added", now=now, details={"purpose": key})


async def rename_purpose(tx: Transaction, who: Principal, key: str, names: Mapping[str, str], now: datetime) -> None:
    """Raises Invalid."""
    await store.rename_purpose(tx, who.business_id, key, parse_names(names))
    await audit.record(tx, who, "consent_purpose.renamed", now=now, details={"purpose": key})


async def close_purpose(tx: Transaction, who: Principal, key: str, now: datetime) -> None:
    """It is asked for no more; what was answered stays."""
    await store.close_purpose(tx, who.business_id, key, to_ms(now))
    await audit.record(tx, who, "consent_purpose.closed", now=now, details={"purpose": key})


async def answer(tx: Transaction, who: Principal, customer_id: int, answers: Mapping[str, bool], language: str, channel: str,
                 now: datetime) -> None:
    """Remembers what a shopper answered to the documents that are current in `language`; a "no" as well.

    answers: purpose → granted; a purpose that is not asked for is left out.
    """
    texts = await customers.current_texts(tx, who.business_id, language)
    for purpose, granted in answers.items():
        if purpose in texts:
            await customers.record_consent(tx, who, customer_id, purpose, granted, texts[purpose].id, channel, now)


async def given_by(reader: Reader, business_id: int, customer_id: int) -> list[Given]:
    """Everything the shopper ever answered, the newest first, each with the text that was read."""
    return [Given(store.document(row), bool(row["granted"]), row["channel"], row["actor_kind"], row["actor_id"], from_ms(row["at"]))
            for row in await store.answers(reader, business_id, customer_id)]


async def to_ask_again(reader: Reader, business_id: int, customer_id: int) -> list[str]:
    """Purposes whose answer is older than a version that everybody is to be asked about."""
    return await store.outdated(reader, business_id, customer_id)


async def new_words(reader: Reader, business_id: int, customer_id: int, language: str) -> list[Document]:
    """What the shopper is asked again, as it reads now in `language`, the card's terms first.

    A purpose whose words changed in another language alone is left out: nobody is asked about what they have agreed to already.
    """
    purposes = await to_ask_again(reader, business_id, customer_id)
    if not purposes:
        return []
    answered: dict[str, datetime] = {}
    for each in await given_by(reader, business_id, customer_id):
        answered.setdefault(each.document.purpose, each.at)
    shown = [each for each in await current(reader, business_id, language) if each.purpose in purposes]
    return [each for each in shown if await _is_newer(reader, business_id, each, answered[each.purpose])]


async def _is_newer(reader: Reader, business_id: int, document: Document, answered_at: datetime) -> bool:
    """Whether a version that everybody is asked about came after the answer; the newest may be one that nobody is."""
    versions = await history(reader, business_id, document.purpose, document.language)
    return any(each.ask_again and each.created_at > answered_at for each in versions)


def address_of(business_slug: str, document: Document) -> str:
    """The path where this very version is read; '' for a wording that somebody else keeps."""
    if document.language not in LANGUAGES:
        return ""
    return f"/e/{business_slug}/terms/{document.purpose}/{document.language}/{document.version}"


def mark_of(shown: Sequence[Document]) -> str:
    """What a form carries of the documents that stood on it: other words on the server by the time it comes back are words nobody read."""
    return hashlib.sha256(b"".join(each.sha256 for each in shown)).hexdigest()[:16]
