"""Who is asking: what every service is told, so that every query can name its business."""
from dataclasses import dataclass

# An agent gives cards out, and sees neither sales nor customers.
ROLES = ("agent", "cashier", "manager", "owner")
SCOPES = ("cards:read", "cards:write", "enrolments:write", "sales:write", "reports:read", "admin")


@dataclass(frozen=True, slots=True)
class Principal:
    """A member of staff, an API key, a shopper or the system itself.

    business_id: whose things it may touch; acting_business_id: on whose behalf (differs only in a coalition, design rule 13);
    kind: staff | api_key | shopper | system; id: the row of that kind; role: of staff; scopes: of keys.
    """

    business_id: int
    acting_business_id: int
    kind: str
    id: int | None = None
    name: str = ""
    role: str | None = None
    scopes: frozenset[str] = frozenset()
    location_id: int | None = None
    session_id: int | None = None

    def may(self, role: str) -> bool:
        """Whether this is staff of `role` or above, or a key that stands for it (`admin` is a manager: api.md)."""
        if self.kind == "system":
            return True
        if self.kind == "api_key":
            return role != "owner" and ("admin" in self.scopes or role in ("agent", "cashier"))
        return self.role is not None and ROLES.index(self.role) >= ROLES.index(role)

    def has_scope(self, *scopes: str) -> bool:
        """Whether this key has one of `scopes`; `admin` has all."""
        return "admin" in self.scopes or bool(self.scopes & set(scopes))


def system(business_id: int) -> Principal:
    """The server acting for a business: expiry, welcome points, clean-up."""
    return Principal(business_id, business_id, "system", name="Tessera")


def shopper(business_id: int, customer_id: int | None = None) -> Principal:
    """A person on an activation or card page."""
    return Principal(business_id, business_id, "shopper", id=customer_id)
