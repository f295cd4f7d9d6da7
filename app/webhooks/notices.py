"""Who hears of an address that was paused because nobody answered there: the owners by mail, everybody in the console."""
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from app.audit import service as audit
from app.context import Context
from app.db import Transaction
from app.mail import service as mail
from app.mail.service import Mail
from app.programs import service as programs
from app.staff import service as staff
from app.web.principal import system
from app.webhooks import rules, service
from app.webhooks.store import Webhook

PAGE = "/console/webhooks"
SUBJECTS = {"en": "Your address {host} is not told any more", "ru": "Адрес {host} больше не получает уведомлений"}
TEXTS = {
    rules.FAILING: {
        "en": "For three days nobody answered at {host} (webhook). We have paused it: what happens from now on is gathered for three days. "
              "Mend the receiver, then let the address go on in the console; what failed can be sent once more there.",
        "ru": "Три дня подряд {host} не отвечает на уведомления (вебхук), и мы его приостановили. События ещё копятся: каждое хранится "
              "в очереди три дня. Почините приёмник и включите адрес в консоли; там же можно отправить повторно всё, что не дошло."},
    rules.GONE: {
        "en": "The receiver at {host} answered that it is gone for good (410), so this webhook is paused. If that is a mistake, let the "
              "address go on in the console.",
        "ru": "Приёмник {host} ответил, что закрыт навсегда (410), поэтому вебхук приостановлен. Если это ошибка, включите адрес в "
              "консоли."},
}
BANNER = {"en": "A webhook is paused, because its receiver does not answer: your system does not hear of what happens.",
          "ru": "Вебхук приостановлен: приёмник не отвечает, и ваша система не узнаёт о событиях."}


class Addressee(NamedTuple):
    email: str
    language: str


class Banner(NamedTuple):
    """What stands on top of every page of the console; url: where more is said."""

    sentence: str
    is_over: bool
    url: str = PAGE
    is_own: bool = False


async def owners(here: Context, business_id: int) -> Sequence[Addressee]:
    """Read before the transaction that queues the mail: opening sealed addresses holds no till up."""
    if not mail.is_set_up(here.settings):
        return ()
    business = await programs.get_business(here.db, business_id)
    people = await staff.list_staff(here.db, here.ring, business_id)
    return [Addressee(each.email, business.language if business.language in SUBJECTS else "en") for each in people
            if each.role == "owner" and not each.disabled and mail.can_reach(each.email)]


async def tell(tx: Transaction, here: Context, webhook: Webhook, why: str, people: Sequence[Addressee], now: datetime) -> None:
    """In the transaction that pauses the address."""
    await audit.record(tx, system(webhook.business_id), "webhook.gave_out", "webhook", webhook.id, {"why": why}, now=now)
    host = urlsplit(webhook.url).hostname or ""
    for each in people:
        words = TEXTS[why][each.language].format(host=host)
        letter = Mail(each.email, SUBJECTS[each.language].format(host=host), f"{words}\n\n{here.settings.address(PAGE)}\n")
        await mail.queue(tx, here.ring, letter, kind="webhook", business_id=webhook.business_id, now=now)


async def banners(here: Context, business_id: int, role: str, language: str) -> list[Banner]:
    """To owners, who can do something about it."""
    if role != "owner" or not await service.count_paused(here.db, business_id):
        return []
    return [Banner(BANNER.get(language, BANNER["en"]), True)]
