"""What is said of money that is spent, of places that are paused and of gateways in trouble, in mails and on top of the console."""
from datetime import date
from typing import Any

from app.programs import words

DAY_LENGTH = len("2026-11-22")
SUBJECTS = {
    "spend_80": ("Tessera: messages have cost most of what they may", "Tessera: сообщения израсходовали большую часть лимита"),
    "spend_100": ("Tessera: no more messages, the limit is spent", "Tessera: лимит на сообщения исчерпан, отправка остановлена"),
    "paused": ("Tessera: messages are paused", "Tessera: отправка сообщений приостановлена"),
    "gateway_stopped": ("Tessera: an SMS gateway refuses messages", "Tessera: SMS-шлюз не принимает сообщения"),
    "balance_low": ("Tessera: an SMS gateway has little money left", "Tessera: у SMS-шлюза осталось мало денег")}
ADVICE = {
    "spend_80": ("At the limit messages stop. Look whether that is your shoppers or a misuse, and raise the limit if need be.",
                 "Когда лимит закончится, сообщения перестанут уходить. Проверьте, ваши ли это покупатели; если нужно, поднимите лимит."),
    "spend_100": ("New cards cannot be texted until the period ends or the limit is raised.",
                  "Ссылки на новые карты не уходят, пока период не закончится или лимит не поднимут."),
    "paused": ("Hardly any of the last fifty links sent there was used within a day, which is what misuse looks like. "
               "If you know why, lift the pause in the console.",
               "Почти ни одна из последних пятидесяти ссылок, отправленных оттуда, за сутки не понадобилась: так выглядит злоупотребление. "
               "Если причина известна, снимите паузу в консоли."),
    "gateway_stopped": ("Messages wait for a day, or go through the next gateway. `python -m app doctor` says more.",
                        "Сообщения ждут до суток или уходят через следующий шлюз. Подробнее скажет `python -m app doctor`."),
    "balance_low": ("Top up its account before messages stop.", "Пополните его счёт, пока сообщения не остановились.")}


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
    if kind in ("gateway_stopped", "balance_low"):
        return _gateway(kind, details, language)
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


def _gateway(kind: str, details: dict[str, Any], language: str) -> str:
    """details: gateway; why (config, no_funds) of one that stopped; balance_minor and its own currency of one with little money."""
    name, minor = details["gateway"], details.get("balance_minor", 0)
    if kind == "balance_low":
        left = words.money(minor, details["currency"], language) if details["currency"] else str(minor)
        return (f"У SMS-шлюза {name} осталось {left}: меньше, чем уходит за три дня." if language == "ru"
                else f"The SMS gateway {name} has {left} left: less than three days cost.")
    is_money = details["why"] == "no_funds"
    if language == "ru":
        why = "на счёте нет денег" if is_money else "неверны логин, пароль или имя отправителя"
        return f"SMS-шлюз {name} не принимает сообщения: {why}."
    why = "its account is empty" if is_money else "its user, password or sender is wrong"
    return f"The SMS gateway {name} takes no messages: {why}."


def paused(count: int, language: str) -> str:
    """Of the banner."""
    return words.counted(count, language, ("place sends no links: too few of the last ones were used.",
                                           "places send no links: too few of the last ones were used."),
                         ("место не отправляет ссылки: последние почти никто не использовал.",
                          "места не отправляют ссылки: последние почти никто не использовал.",
                          "мест не отправляют ссылки: последние почти никто не использовал."))
