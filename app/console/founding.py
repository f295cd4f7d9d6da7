"""How a business begins: itself, its points programme with rules and a design, ready for its first card."""
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime

from app.db import Transaction
from app.designs import service as designs
from app.designs.rules import LONGEST, DesignContent, default_content
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.programs.store import Texts

PROGRAM_SLUG = "points"
# A beginning that a shop could live with: 5 points for 100 in the currency, a point pays 1, for at most 30 % of a receipt.
FIRST_RULES = ProgramRules(earn_points=5, earn_per_minor=10_000, worth_minor=100, worth_points=1, largest_share_bp=3_000, lot_days=365,
                          welcome_points=50)
_CYRILLIC = dict(zip("абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
                     ("a b v g d e e zh z i y k l m n o p r s t u f kh ts ch sh shch  y  e yu ya").split(" "), strict=True))


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody says about their business. texts, program_texts: {"ru": {"name": …}}; design: None for one with its name."""

    slug: str
    name: str
    country: str
    currency: str
    time_zone: str
    language: str
    texts: Texts = field(default_factory=dict)
    program_name: str = "Points"
    program_texts: Texts = field(default_factory=lambda: {"ru": {"name": "Баллы"}})
    rules: ProgramRules = FIRST_RULES
    kind: str = "points"
    design: DesignContent | None = None


@dataclass(frozen=True, slots=True)
class Founded:
    business_id: int
    program_id: int


async def found(tx: Transaction, wish: Wish, now: datetime) -> Founded:
    """Raises Invalid for wrong fields, SlugTaken where the word of the address belongs to another business."""
    business_id = await programs.create_business(tx, slug=wish.slug, name=wish.name, texts=wish.texts, country=wish.country,
                                                 currency=wish.currency, time_zone=wish.time_zone, language=wish.language, now=now)
    program_id = await programs.create_program(tx, business_id, slug=PROGRAM_SLUG, name=wish.program_name, texts=wish.program_texts,
                                               rules=wish.rules, kind=wish.kind, now=now)
    russian = wish.texts.get("ru", {}).get("name")
    content = wish.design or default_content(_on_card(wish.name), _on_card(russian) if russian else None,
                                             language="ru" if wish.language == "ru" else "en")
    await designs.create(tx, business_id, program_id, content, "Tessera", now)
    return Founded(business_id, program_id)


def _on_card(name: str) -> str:
    """The name as a card can hold it; the designer is the place to choose better words."""
    most = LONGEST["name"]
    return name if len(name) <= most else name[:most - 1].rstrip() + "…"


def slug_of(name: str) -> str:
    """A word for addresses, made from a name: small Latin letters, digits and hyphens; "business" where nothing is left."""
    latin = "".join(_CYRILLIC.get(letter, letter) for letter in name.casefold())
    plain = unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "business"
