"""What owners are told on top of the console about keys that end: a program that is refused one morning stops a shop."""
from dataclasses import dataclass
from datetime import datetime

from app.clock import from_ms
from app.context import Context
from app.programs.store import Business
from app.staff import keys
from app.text import N_
from app.web import formats
from app.web.i18n import translate

ENDS = N_("The API key “%(name)s” ends on %(day)s. Change its last day or make another one: Settings, API keys.")


@dataclass(frozen=True, slots=True)
class Banner:
    """A sentence on top of the console; is_over: in red; is_own: about a certificate."""

    sentence: str
    is_over: bool = False
    is_own: bool = False


async def banners(here: Context, business: Business, role: str, language: str, now: datetime) -> list[Banner]:
    """To owners: keys in their last two weeks, which somebody uses."""
    if role != "owner":
        return []
    ending = [(key, from_ms(key.expires_at - 1)) for key in await keys.list_keys(here.db, business.id)
              if key.expires_at is not None and key.ends_soon(now)]
    return [Banner(translate(language, ENDS, name=key.name, day=formats.day(last, language, business.time_zone, now)))
            for key, last in ending]
