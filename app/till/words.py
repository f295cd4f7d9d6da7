"""What a cashier should know about a card before anything is typed, in sentences."""
from collections.abc import Sequence
from datetime import datetime

from app.cards.rules import Card
from app.ledger.service import Expiring
from app.programs.words import points
from app.web.formats import day


def hints(card: Card, balance: int, expiring: Sequence[Expiring], zone: str, language: str, now: datetime) -> list[str]:
    """The most urgent first; language: "ru" or anything else for English; expiring: soonest first; zone: IANA, for their days."""
    russian, said = language == "ru", []
    if card.status == "provisional":
        said.append("Карта ещё не активирована: баллы копятся, тратить их можно после активации." if russian else
                    "The card is not activated yet: it collects points and can pay with them once it is.")
    elif card.status == "blocked":
        said.append("Карта заблокирована: она не копит и не тратит баллы." if russian else
                    "The card is blocked: it neither collects nor spends points.")
    elif card.status != "active":
        said.append("Эта карта больше не действует." if russian else "This card is no longer in use.")
    if balance < 0:
        owed = points(-balance, language)
        said.append(f"Долг по возврату — {owed}: новые баллы сначала погасят его." if russian else
                    f"The card owes {owed} for a returned purchase; new points repay them first.")
    if expiring and card.status == "active":
        end, ending = day(expiring[0].at, language, zone, now), points(expiring[0].amount, language)
        said.append(f"{ending} действуют до {end}." if russian else f"{ending} can be used until {end}.")
    return said
