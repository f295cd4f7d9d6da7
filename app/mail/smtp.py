"""Hands one mail to an SMTP server (RFC 5321): TLS verified, STARTTLS where the address says smtp://, signed in where it names somebody.

On this machine (loopback) a server may be spoken to in the clear: nothing leaves it. Everywhere else an unverified server gets nothing,
least of all a password.
"""
import contextlib
import ipaddress
import smtplib
import ssl
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from app.mail.rules import Result, refusal

TIMEOUT_SECONDS = 20.0      # for each answer; twelve of them are still within the lease


@dataclass(frozen=True, slots=True)
class Server:
    """What TESSERA_SMTP says. user and password: empty for a server that asks for none."""

    host: str
    port: int
    is_tls: bool
    user: str
    password: str

    @classmethod
    def parse(cls, url: str) -> "Server":
        parts = urlsplit(url)
        is_tls = parts.scheme == "smtps"
        return cls(parts.hostname or "", parts.port or (465 if is_tls else 587), is_tls, unquote(parts.username or ""),
                   unquote(parts.password or ""))


def send(server: Server, sender: str, to: str, message: bytes) -> Result:
    """Blocks; run it in a thread. Says what happened and never raises for anything that a network or a server does."""
    try:
        with contextlib.closing(_connect(server)) as client:
            if server.user:
                client.login(server.user, server.password)
            client.sendmail(sender, [to], message)
            # Taken: a goodbye that fails changes nothing.
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()
        return Result(True)
    except smtplib.SMTPRecipientsRefused as refused:
        [(code, text)] = refused.recipients.values()
        return Result(False, is_final=code >= 500, why=refusal(code, text))
    except smtplib.SMTPDataError as refused:
        return Result(False, is_final=refused.smtp_code >= 500, why=refusal(refused.smtp_code, _bytes(refused.smtp_error)))
    except smtplib.SMTPResponseException as refused:
        # The sender, the sign-in or the greeting: an operator can mend it, so the mail waits.
        return Result(False, is_server=True, why=refusal(refused.smtp_code, _bytes(refused.smtp_error)))
    except ssl.SSLCertVerificationError as error:
        return Result(False, is_server=True, why=f"certificate: {error.verify_message}")
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return Result(False, is_server=True, why=_named(error))


def _connect(server: Server) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.is_tls:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_SECONDS, context=context)
    client = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)
    try:
        if not is_local(server.host):
            client.starttls(context=context)
    except BaseException:
        client.close()
        raise
    return client


def is_local(host: str) -> bool:
    """Whether the server runs on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("ascii", "replace")


def _named(error: Exception) -> str:
    """The kind of a failure; its text may repeat what was sent."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "the server offers no STARTTLS, or no way to sign in"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "the server hung up"
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else type(error).__name__
