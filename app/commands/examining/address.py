"""The way in from outside: the public address, its certificate chain, and what answers there."""
import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from app.commands.examining.line import Line
from app.settings import Settings

ASK_SECONDS = 5.0
# OpenSSL's X509_V_ERR_…: what a chain can lack, and what mends it.
CHAIN_FAULTS = {
    9: ("is not valid yet", "Is the clock of this machine right?"),
    10: ("has expired", "Renew it; phones refuse the address until then."),
    18: ("is signed by itself", "Phones trust only certificates of public authorities: get one (Let's Encrypt, or your host's)."),
    19: ("leads to an authority that nobody knows", "Phones trust only certificates of public authorities."),
    20: ("lacks its intermediate certificates", "Serve the whole chain (fullchain.pem, not cert.pem)."),
    21: ("lacks its intermediate certificates", "Serve the whole chain (fullchain.pem, not cert.pem)."),
    62: ("is for another name", "Get a certificate that names this host."),
}


async def public_address(here: Settings) -> AsyncIterator[Line]:
    """Asks the server for its health at its public address, as a phone would; a bad chain is told as such, for phones say nothing."""
    fault = await _reach(here.url)
    if fault is not None:
        yield fault
        return
    import httpx2

    try:
        async with httpx2.AsyncClient(timeout=ASK_SECONDS) as client:
            answer = await client.get(here.address("/health"))
        told = answer.json() if answer.status_code == 200 else None
    except (httpx2.HTTPError, ValueError):
        told = None
    if not isinstance(told, dict) or told.get("status") != "ok":
        yield Line("warn", f"Something answers at {here.url}, but not this server.",
                   "Is the server running, and does the proxy in front of it lead there without a redirect or a login?")
        return
    yield Line("ok", f"{here.url} answers.")
    if told.get("forwarded") == "unconfigured":
        yield Line("warn", "Requests carry X-Forwarded-For from a proxy that is not in TESSERA_PROXIES: limits count all visitors as one.",
                   "Put the proxy's address into TESSERA_PROXIES, such as 127.0.0.1.")


async def _reach(url: str) -> Line | None:
    """A connection, with TLS where the address has it; None where it stands."""
    parts = urlsplit(url)
    host, is_https = parts.hostname or "", parts.scheme == "https"
    try:
        async with asyncio.timeout(ASK_SECONDS):
            _, writer = await asyncio.open_connection(host, parts.port or (443 if is_https else 80),
                                                      ssl=ssl.create_default_context() if is_https else None)
    except ssl.SSLCertVerificationError as exc:
        what, advice = CHAIN_FAULTS.get(exc.verify_code, (f"is refused ({exc.verify_message})", "Phones refuse it too."))
        return Line("fail", f"The TLS certificate of {host} {what}.", advice)
    except ssl.SSLError as exc:
        return Line("fail", f"{url} speaks no TLS that phones understand ({exc.reason or 'no reason told'}).",
                    "TLS 1.2 or newer must answer at this address; is a proxy with a certificate in front?")
    except socket.gaierror:
        return Line("warn", f"The name {host} leads nowhere.", "Does TESSERA_URL name what phones can reach, and is its DNS entry there?")
    except (OSError, TimeoutError) as exc:
        return Line("warn", f"{url} does not answer from here ({type(exc).__name__}).",
                    "Is the server running, and does TESSERA_URL name what phones can reach?")
    writer.close()
    return None
