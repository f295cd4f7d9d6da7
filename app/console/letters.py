"""Mail to the people who sign in: links that let them in, and word of what changed about it. Plain text, in their own language."""
from datetime import datetime

from app.context import Context
from app.db import Transaction
from app.mail import service as mail
from app.programs import service as programs
from app.programs.store import Business
from app.staff.rules import LINK_SECONDS, RESET_SECONDS
from app.text import N_
from app.web import i18n

INVITED = (N_("You are invited to %(business)s"),
           N_("%(business)s keeps its loyalty cards in Tessera and wants you there.\n\nChoose a password and come in, within "
              "%(days)s days; the link works once:\n%(link)s\n\nNobody will ever ask you for this link."))
RESET = (N_("A new password for %(business)s"),
         N_("Somebody, we hope you, forgot the password of this address at %(business)s.\n\nChoose a new one within %(minutes)s minutes; "
            "the link works once:\n%(link)s\n\nIf it was not you, do nothing: the password stays as it is."))
_HELP = N_("If it was not you, sign in, end the other sessions on the page “Your account” and tell an owner of the business.")
# What changed → (subject, what happened).
CHANGED = {
    "password": (N_("Your password was changed"), N_("Your password at %(business)s was set anew by a link. All sessions have ended.")),
    "app": (N_("An authenticator app signs you in now"), N_("An authenticator app was added to your account at %(business)s.")),
    "passkey": (N_("A passkey signs you in now"), N_("A passkey was added to your account at %(business)s.")),
    "codes": (N_("You have new recovery codes"),
              N_("New recovery codes were made for your account at %(business)s; the old ones are void.")),
    "app_removed": (N_("Your authenticator app was removed"),
                    N_("The authenticator app was removed from your account at %(business)s.")),
    "cleared": (N_("Your second factor was taken away"),
                N_("An owner of %(business)s made your app, passkeys and recovery codes void. Your password signs you in.")),
    "passkey_removed": (N_("A passkey was removed"), N_("A passkey was removed from your account at %(business)s.")),
}


def can_send(here: Context, email: str) -> bool:
    """Whether a mail to this address would go anywhere: else its link is handed over by whoever made it."""
    return mail.is_set_up(here.settings) and mail.can_reach(email)


async def _queue(tx: Transaction, here: Context, business: Business, email: str, language: str, words: tuple[str, str], kind: str,
                 now: datetime, **params: object) -> None:
    if not can_send(here, email):
        return
    params["business"] = business.name_in(language)
    subject, text = (i18n.translate(language, sentence, **params) for sentence in words)
    await mail.queue(tx, here.ring, mail.Mail(email, subject, text), kind=kind, business_id=business.id, now=now)


def _spoken(business: Business, language: str | None) -> str:
    chosen = language or business.language
    return chosen if chosen in i18n.LANGUAGES else "en"


async def invite(tx: Transaction, here: Context, business_id: int, email: str, language: str | None, token: str, now: datetime) -> None:
    """The link of `links.create_link`, where the server can send mail."""
    business = await programs.get_business(tx, business_id)
    await _queue(tx, here, business, email, _spoken(business, language), INVITED, "staff.invitation", now,
                 link=here.settings.address(f"/console/link/{token}"), days=LINK_SECONDS // 86400)


async def reset(tx: Transaction, here: Context, business_id: int, email: str, language: str | None, token: str, now: datetime) -> None:
    business = await programs.get_business(tx, business_id)
    await _queue(tx, here, business, email, _spoken(business, language), RESET, "staff.reset", now,
                 link=here.settings.address(f"/console/link/{token}"), minutes=RESET_SECONDS // 60)


async def changed(tx: Transaction, here: Context, business_id: int, email: str, language: str | None, what: str, now: datetime) -> None:
    """what: of CHANGED."""
    business = await programs.get_business(tx, business_id)
    subject, happened = CHANGED[what]
    spoken = _spoken(business, language)
    text = i18n.translate(spoken, happened, business=business.name_in(spoken)) + "\n\n" + i18n.translate(spoken, _HELP)
    if can_send(here, email):
        await mail.queue(tx, here.ring, mail.Mail(email, i18n.translate(spoken, subject), text), kind="staff.changed",
                         business_id=business_id, now=now)
