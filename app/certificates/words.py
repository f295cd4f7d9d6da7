"""What is said of a certificate's end, in the language of whoever reads it: on pages, in `doctor` and in mail."""
from app.certificates.rules import EXPIRED, Warning
from app.programs.words import day, days

RENEW = {
    "en": "Apple's portal makes a new certificate for the same pass type; cards that were handed out stay and are updated with it.",
    "ru": "Новый сертификат для того же типа карты выпускает портал Apple; выданные карты остаются и будут обновляться с ним."}
OTHERS = {
    "en": "Whoever runs this server has to replace it. You need to do nothing, but you may want to ask.",
    "ru": "Заменить его должен тот, кто обслуживает этот сервер. От вас ничего не требуется, но можно ему напомнить."}
WHERE = {"en": "Bring it in the console: %(url)s", "ru": "Загрузите его в консоли: %(url)s"}
OPERATOR = {"en": "certs.example/README.md leads through it; put the new files in place of the old ones and restart the server.",
            "ru": "Порядок действий описан в certs.example/README.md: замените файлы новыми и перезапустите сервер."}


def sentence(warning: Warning, language: str) -> str:
    """One sentence: which certificate, and when it ends or ended."""
    on, kind = _on(warning, language), warning.pass_type_identifier
    if language == "ru":
        whose = f"Ваш сертификат для карт Apple Wallet ({kind})" if warning.is_own else "Сертификат этого сервера для карт Apple Wallet"
        if warning.threshold == EXPIRED:
            return f"{whose} закончился {on}: новые карты не выпускаются, а выданные не обновляются."
        return f"{whose} заканчивается {on} ({_left(warning, language)}). После этого новые карты не выпустить, а выданные не обновятся."
    whose = f"Your certificate for Apple Wallet cards ({kind})" if warning.is_own else "This server's certificate for Apple Wallet cards"
    if warning.threshold == EXPIRED:
        return f"{whose} expired on {on}: no new cards can be made, and those on phones are not updated."
    return f"{whose} ends on {on} ({_left(warning, language)}). After that no new cards can be made, and those on phones are not updated."


def _on(warning: Warning, language: str) -> str:
    """The day in UTC, as Apple's portal shows it."""
    return day(warning.ends_at.date(), language, year=True)


def _left(warning: Warning, language: str) -> str:
    if warning.days_left < 1:
        return "сегодня последний день" if language == "ru" else "this is its last day"
    left = days(warning.days_left, language)
    return f"ещё {left}" if language == "ru" else f"{left} left"


def banner(warning: Warning, language: str) -> str:
    """What the console says on every page."""
    return f"{sentence(warning, language)} {(RENEW if warning.is_own else OTHERS)[language]}"


def subject(warning: Warning, language: str) -> str:
    """Of the mail."""
    if language == "ru":
        what = "закончился" if warning.threshold == EXPIRED else f"заканчивается {_on(warning, language)}"
        return f"Tessera: сертификат карт {what}"
    what = "has expired" if warning.threshold == EXPIRED else f"ends on {_on(warning, language)}"
    return f"Tessera: a certificate for cards {what}"


def text(warning: Warning, language: str, url: str) -> str:
    """Of the mail. url: the console's page of certificates."""
    way = WHERE[language] % {"url": url} if warning.is_own else OPERATOR[language]
    return f"{sentence(warning, language)}\n\n{RENEW[language]}\n{way}\n"
