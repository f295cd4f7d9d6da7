"""What a cashier should know about a card before anything is typed, in sentences."""
from app.sales.surroundings import Seen
from app.sales.words import MOST, about_card, names_of


def hints(seen: Seen, language: str) -> list[str]:
    """The most urgent first, at most five; language: "ru" or anything else for English."""
    names, said = names_of(seen, language), []
    status = seen.card.status
    if status == "provisional":
        said.append(names.say("The card is not activated yet: it collects points and can pay with them once it is.",
                              "Карта ещё не активирована: баллы копятся, тратить их можно после активации."))
    elif status == "blocked":
        said.append(names.say("The card is blocked: it neither collects nor spends points.",
                              "Карта заблокирована: она не копит и не тратит баллы."))
    elif status != "active":
        said.append(names.say("This card is no longer in use.", "Эта карта больше не действует."))
    if seen.debt:
        owed = names.amount(seen.debt, seen.rules.unit)
        said.append(names.say(f"The card owes {owed} for a returned purchase; new points repay them first.",
                              f"Долг по возврату — {owed}: новые баллы сначала погасят его."))
    # Whoever holds a card that is not in use hears nothing more about its account.
    return [*said, *(about_card(seen, language) if status == "active" else [])][:MOST]
