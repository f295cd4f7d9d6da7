"""What is said of money that is spent and of places that are paused, in mails and on top of the console."""
from datetime import date
from typing import Any

from app.programs import words

DAY_LENGTH = len("2026-11-22")
SUBJECTS = {
    "spend_80": ("Tessera: messages have cost most of what they may", "Tessera: сообщения израсходовали большую часть лимита"),
    "spend_100": ("Tessera: no more messages, the limit is spent", "Tessera: лимит на сообщения исчерпан, отправка остановлена"),
    "paused": ("Tessera: messages are paused", "Tessera: отправка сообщений приостановлена")}
ADVICE = {
    "spend_80": ("At the limit messages stop. Look whether that is your shoppers or a misuse, and raise the limit if need be.",
                 "Когда лимит закончится, сообщения перестанут уходить. Проверьте, ваши ли это покупатели; если нужно, поднимите лимит."),
    "spend_100": ("New cards cannot be texted until the period ends or the limit is raised.",
                  "Ссылки на новые карты не уходят, пока период не закончится или лимит не поднимут."),
    "paused": ("Hardly any of the last fifty links sent there was used within a day, which is what misuse looks like. "
               "If you know why, lift the pause in the console.",
               "Почти ни одна из последних пятидесяти ссылок, отправленных оттуда, за сутки не понадобилась: так выглядит злоупотребление. "
               "Если причина известна, снимите паузу в консоли.")}


def subject(kind: str, language: str) -> str:
    """Of the mail."""
    return SUBJECTS[kind][language == "ru"]


def advice(kind: str, language: str) -> str:
    """What to do about it."""
    return ADVICE[kind][language == "ru"]


def sentence(kind: str, details: dict[str, Any], language: str, currency: str | None) -> str:
    """One sentence. details: period, spent_minor, cap_minor of a purse; kind and name of a pause; currency: None for the server's."""
    if kind == "paused":
        return _pause(details, language)
    spent, cap = (_sum(details[name], currency, language) for name in ("spent_minor", "cap_minor"))
    if language == "ru":
        start = f"Лимит на сообщения {_period(details['period'], language)} исчерпан" if kind == "spend_100" else \
            f"Сообщения {_period(details['period'], language)} израсходовали больше 80 % лимита"
        return f"{start}: {spent} из {cap}."
    start = f"The limit for messages {_period(details['period'], language)} is spent" if kind == "spend_100" else \
        f"Messages {_period(details['period'], language)} have cost over 80 % of their limit"
    return f"{start}: {spent} of {cap}."


def _sum(minor: int, currency: str | None, language: str) -> str:
    return words.money(minor, currency, language) if currency else str(minor)


def _period(period: str, language: str) -> str:
    if len(period) == DAY_LENGTH:
        day = words.day(date.fromisoformat(period), language)
        return f"за {day}" if language == "ru" else f"of {day}"
    return "за этот месяц" if language == "ru" else "of this month"


def _pause(details: dict[str, Any], language: str) -> str:
    name = details["name"]
    if language == "ru":
        where = {"block": f"на номера, начинающиеся с {name}", "location": "из одного из ваших магазинов",
                 "poster": f"с плаката или ссылки «{name}»" if name else "со страницы регистрации"}[details["kind"]]
        return f"Отправка ссылок {where} приостановлена."
    where = {"block": f"to numbers that begin with {name}", "location": "from one of your shops",
             "poster": f"from the poster or link “{name}”" if name else "from the joining page"}[details["kind"]]
    return f"Sending links {where} is paused."


def paused(count: int, language: str) -> str:
    """Of the banner."""
    return words.counted(count, language, ("place sends no links: too few of the last ones were used.",
                                           "places send no links: too few of the last ones were used."),
                         ("место не отправляет ссылки: последние почти никто не использовал.",
                          "места не отправляют ссылки: последние почти никто не использовал.",
                          "мест не отправляют ссылки: последние почти никто не использовал."))
