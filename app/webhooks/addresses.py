"""Where a webhook's name leads, judged before anything is connected."""
import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

from app.text import N_
from app.webhooks import rules
from app.webhooks.rules import Address, Network, Place

NOT_FOUND, NO_ADDRESS = N_("the name was not found"), N_("the name has no address")
CLOSED = N_("the name leads to an address that must not be told")
MOST_ADDRESSES = 4              # of a name that are tried one after another

Resolve = Callable[[str], Awaitable[Sequence[Address]]]


class NoAddress(Exception):
    """The name leads nowhere just now; the text is a word for the list of deliveries."""


class ClosedAddress(Exception):
    """The name leads to where nothing may be told."""


async def resolve(host: str) -> list[Address]:
    """Every address of a name, in the system's order, each once. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    # A zone (fe80::1%eth0) is of this machine's networks: cut off, the address is judged and refused for what it is.
    return list(dict.fromkeys(ipaddress.ip_address(str(told[4][0]).partition("%")[0]) for told in found))


async def open_addresses(place: Place, inside: Sequence[Network], look_up: Resolve = resolve) -> list[Address]:
    """The addresses that may be connected to; the name is asked for once, and who connects uses these and no name.

    One closed address closes the name: an honest name has none, and which of them is taken would be the name server's choice.
    inside: private networks that may be told. Raises NoAddress, ClosedAddress.
    """
    literal = rules.address_of(place.host)
    try:
        found = [literal] if literal is not None else await look_up(place.host)
    except (OSError, UnicodeError) as exc:
        raise NoAddress(NOT_FOUND) from exc
    if not found:
        raise NoAddress(NO_ADDRESS)
    if not all(rules.is_open(each, place.is_tls, inside) for each in found):
        raise ClosedAddress(CLOSED)
    return list(found[:MOST_ADDRESSES])
