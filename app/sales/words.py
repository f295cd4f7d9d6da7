"""What a cashier can say about a purchase, made from its quote alone."""
from app.programs.words import money, points
from app.sales.rules import Quote


def hints(quote: Quote, language: str) -> list[str]:
    """Short sentences, the most useful first; language: "ru" or anything else for English."""
    russian = language == "ru"
    said = []
    if quote.card.status == "provisional":
        said.append("Карта ещё не активирована: баллы копятся, тратить их можно после активации." if russian else
                    "The card is not activated yet: it collects points and can pay with them once it is.")
    if quote.debt:
        owed = points(quote.debt, language)
        said.append(f"Долг по возврату — {owed}: новые баллы сначала погасят его." if russian else
                    f"The card owes {owed} for a returned purchase; new points repay them first.")
    said += _about_points(quote, language)
    return said


def _about_points(quote: Quote, language: str) -> list[str]:
    russian, judged, said = language == "ru", quote.judgement, []
    least = quote.rules.minimum_receipt_minor
    if judged.amount - judged.discount < least:
        sum_ = money(least, quote.currency, language)
        return [f"Программа действует для чеков от {sum_}." if russian else f"The programme counts receipts from {sum_} on."]
    if judged.redeemable_points and not judged.points:
        gift, sum_ = points(judged.redeemable_points, language), money(judged.redeemable_minor, quote.currency, language)
        said.append(f"Можно списать {gift} — это {sum_}." if russian else f"{gift} can pay {sum_} of this.")
    if judged.to_earn:
        gain = points(judged.to_earn, language)
        said.append(f"За покупку начислим {gain}." if russian else f"This purchase brings {gain}.")
    missing = _to_next_step(quote)
    if missing:
        sum_, gain = money(missing, quote.currency, language), points(quote.rules.earn_points, language)
        said.append(f"Ещё {sum_} — и будет на {gain} больше." if russian else f"Another {sum_} would bring {gain} more.")
    return said



def _to_next_step(quote: Quote) -> int:
    """How much is missing to the next whole step, where that is less than a quarter of it; else 0."""
    step = quote.rules.earn_per_minor
    if quote.rules.earn_mode != "whole_steps" or not quote.rules.earn_points:
        return 0
    missing = -quote.judgement.to_pay % step
    return missing if 0 < missing * 4 <= step else 0
