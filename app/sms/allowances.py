"""How much may be sent, to whom, on whose request: the counters that stop pumping, and what a business may change of them."""
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from app.limits.rules import Limit

HOUR, DAY, MONTH = 3600, 86_400, 30 * 86_400


@dataclass(frozen=True, slots=True)
class Allowance:
    """The most that may be sent; a business's settings may name other numbers (`{"sms": {"business_day": 2000}}`)."""

    phone_gap_seconds: int = 60
    phone_day: int = 3
    phone_month: int = 6
    cashier_hour: int = 30
    location_hour: int = 100
    business_day: int = 500
    address_hour: int = 5
    network_hour: int = 50
    poster_hour: int = 60
    block_day: int = 20
    abroad_day: int = 50


# A phone and a block belong to everybody: no business may loosen what protects them for the others.
_SHARED = {"phone_gap_seconds", "phone_day", "phone_month", "block_day"}


def allowance_of(settings: Mapping[str, Any]) -> Allowance:
    """The defaults with what the business's settings change; shared numbers can only be made smaller, nonsense is passed over."""
    wishes, default = settings.get("sms", {}), Allowance()
    changed = {}
    for field in fields(Allowance):
        wish = wishes.get(field.name)
        if type(wish) is int and wish >= 0 and (field.name not in _SHARED or _is_stricter(field.name, wish, default)):
            changed[field.name] = wish
    return Allowance(**changed)


def _is_stricter(name: str, wish: int, default: Allowance) -> bool:
    usual = getattr(default, name)
    return wish >= usual if name == "phone_gap_seconds" else wish <= usual


@dataclass(frozen=True, slots=True)
class Asker:
    """On whose request a message goes, as subjects of limits: ids or keyed hashes, None where it does not apply.

    staff: a member of staff; location, poster: where it was asked; address and network: the public form's caller; abroad: the
    business and the country of a number from elsewhere.
    """

    business: str
    phone: str
    block: str
    staff: str | None = None
    location: str | None = None
    poster: str | None = None
    address: str | None = None
    network: str | None = None
    abroad: str | None = None


def limits_for(asker: Asker, allowance: Allowance) -> list[Limit]:
    """All counters that one message stands in; the phone's first, because its gap is what a caller is told about."""
    optional = [
        ("sms.staff", asker.staff, HOUR, allowance.cashier_hour), ("sms.location", asker.location, HOUR, allowance.location_hour),
        ("sms.poster", asker.poster, HOUR, allowance.poster_hour), ("sms.address", asker.address, HOUR, allowance.address_hour),
        ("sms.network", asker.network, HOUR, allowance.network_hour), ("sms.country", asker.abroad, DAY, allowance.abroad_day)]
    return [
        Limit("sms.phone", asker.phone, DAY, allowance.phone_day, allowance.phone_gap_seconds),
        Limit("sms.phone", asker.phone, MONTH, allowance.phone_month),
        Limit("sms.block", asker.block, DAY, allowance.block_day),
        Limit("sms.business", asker.business, DAY, allowance.business_day),
        *(Limit(scope, subject, seconds, most) for scope, subject, seconds, most in optional if subject is not None)]


def watched(asker: Asker) -> list[tuple[str, str]]:
    """(kind, subject) of what the conversion breaker watches."""
    kinds = (("block", asker.block), ("location", asker.location), ("poster", asker.poster))
    return [(kind, subject) for kind, subject in kinds if subject is not None]


def networks_of(address: str) -> tuple[str, str | None]:
    """What stands for one household and for one network: an IPv4 address and nothing wider; of IPv6 the /64 and the /48."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if isinstance(found, ipaddress.IPv4Address):
        return str(found), None
    return (str(ipaddress.ip_network((found, 64), strict=False)), str(ipaddress.ip_network((found, 48), strict=False)))


def is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback
