"""A business's own texts, its sender's name and its caps: read for every message, changed by an owner, each change audited."""
from dataclasses import dataclass, replace
from datetime import datetime

from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Invalid, NotFound
from app.settings import Settings
from app.sms import texts_store as store
from app.sms import wording
from app.sms.texts_store import Choices, OwnText, Reader
from app.text import N_
from app.web.principal import Principal

__all__ = ["Choices", "OwnText", "Text", "caps_of", "choices_of", "history_of", "keep_text", "own_texts", "set_caps", "set_sender",
           "take_default", "text_in_use", "text_of"]

LANGUAGES = ("en", "ru")
ABOVE = N_("The server allows %(most)s at most. Type that or less, or leave the field empty.")


@dataclass(frozen=True, slots=True)
class Text:
    """The template of a message, and how many parts the owner lets it take."""

    template: str
    most_parts: int = 1
    is_own: bool = False


async def text_in_use(reader: Reader, business_id: int, purpose: str, language: str) -> Text:
    """What the business wrote for this purpose and language, else our own words. purpose: one of wording.PURPOSES."""
    found = await store.find_text(reader, business_id, purpose, language)
    return Text(found.text, found.most_parts, True) if found else Text(wording.default_of(purpose, language))


async def text_of(reader: Reader, business_id: int, purpose: str, language: str) -> str:
    """The template with {brand} and {link} that messages of this purpose are made from."""
    return (await text_in_use(reader, business_id, purpose, language)).template


async def own_texts(reader: Reader, business_id: int) -> dict[tuple[str, str], OwnText]:
    """(purpose, language) → what the business wrote; at most one for each."""
    return {(each.purpose, each.language): each for each in await store.texts(reader, business_id)}


async def history_of(reader: Reader, business_id: int, purpose: str, language: str) -> list[OwnText]:
    """What the text was, newest first."""
    return await store.texts(reader, business_id, purpose, language)


async def keep_text(db: Database, who: Principal, purpose: str, language: str, template: str, most_parts: int, brand: str, link: str,
                    now: datetime) -> str:
    """Keeps a text as the owner typed it, made tidy; returns it. The same text again changes nothing.

    brand, link: as the business's messages hold them; most_parts: 1, or 2 where the owner allows it. Raises Invalid (field `text`),
    NotFound for a purpose or language that there is not.
    """
    _check_known(purpose, language)
    tidied = wording.tidy(template)
    if wrong := wording.wrong_with(tidied, brand, link, most_parts):
        raise Invalid(fields=[wrong[0]], params={"parts": wrong[1]})

    async def act(tx: Transaction) -> None:
        found = await store.find_text(tx, who.business_id, purpose, language)
        if found and (found.text, found.most_parts) == (tidied, most_parts):
            return
        await store.replace_text(tx, who.business_id, purpose, language, to_ms(now))
        await store.append_text(tx, who.business_id, purpose, language, tidied, most_parts, who.id, to_ms(now))
        details = {"purpose": purpose, "language": language, "text": tidied, "most_parts": most_parts}
        await audit.record(tx, who, "sms.text_changed", details=details, now=now)

    await write_transaction(db, act)
    return tidied


async def take_default(db: Database, who: Principal, purpose: str, language: str, now: datetime) -> None:
    """Our own words again. Raises NotFound for a purpose or language that there is not."""
    _check_known(purpose, language)

    async def act(tx: Transaction) -> None:
        if await store.replace_text(tx, who.business_id, purpose, language, to_ms(now)):
            details = {"purpose": purpose, "language": language, "text": wording.default_of(purpose, language)}
            await audit.record(tx, who, "sms.text_changed", details=details, now=now)

    await write_transaction(db, act)


def _check_known(purpose: str, language: str) -> None:
    if purpose not in wording.PURPOSES or language not in LANGUAGES:
        raise NotFound()


async def choices_of(reader: Reader, business_id: int) -> Choices:
    """The sender's name (None: the gateway's own) and the caps that the business chose."""
    return await store.choices(reader, business_id)


def caps_of(settings: Settings, chosen: Choices) -> tuple[int, int, int]:
    """(a message's, a day's, a month's) most in minor units: the server's, or less where the business wants less."""
    pairs = ((chosen.message_cap_minor, settings.sms_message_cap_minor), (chosen.day_cap_minor, settings.sms_day_cap_minor),
             (chosen.month_cap_minor, settings.sms_month_cap_minor))
    message, day, month = (most if own is None else min(own, most) for own, most in pairs)
    return message, day, month


async def set_sender(db: Database, who: Principal, sender: str, now: datetime) -> None:
    """Who the messages say they are from; an empty text: the gateway's own. Raises Invalid (field `sender`)."""
    wanted = sender.strip() or None
    if wanted is not None and not wording.is_sender(wanted):
        raise Invalid(fields=[FieldError("sender", "sender", wording.WRONG_SENDER)])

    async def act(tx: Transaction) -> None:
        chosen = await store.choices(tx, who.business_id)
        if chosen.sender != wanted:
            await store.set_choices(tx, who.business_id, replace(chosen, sender=wanted), to_ms(now))
            await audit.record(tx, who, "sms.sender_changed", details={"sender": wanted}, now=now)

    await write_transaction(db, act)


async def set_caps(db: Database, settings: Settings, who: Principal, message: int | None, day: int | None, month: int | None,
                   now: datetime) -> None:
    """What messages may cost, in minor units; None: as much as the server allows. Raises Invalid for what is above that
    (fields `message_cap`, `day_cap`, `month_cap`; the sentence's parameter is for the caller to write as money).
    """
    wanted = {"message_cap": (message, settings.sms_message_cap_minor), "day_cap": (day, settings.sms_day_cap_minor),
              "month_cap": (month, settings.sms_month_cap_minor)}
    wrong = [FieldError(name, "cap", ABOVE) for name, (own, most) in wanted.items() if own is not None and not 0 <= own <= most]
    if wrong:
        raise Invalid(fields=wrong)

    async def act(tx: Transaction) -> None:
        chosen = await store.choices(tx, who.business_id)
        changed = replace(chosen, message_cap_minor=message, day_cap_minor=day, month_cap_minor=month)
        if changed != chosen:
            await store.set_choices(tx, who.business_id, changed, to_ms(now))
            details = {"message_minor": message, "day_minor": day, "month_minor": month}
            await audit.record(tx, who, "sms.caps_changed", details=details, now=now)

    await write_transaction(db, act)
