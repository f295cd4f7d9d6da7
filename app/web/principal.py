"""Who is asking: what every service is told, so that every query can name its business."""
from dataclasses import dataclass

# The line of `may`: each may what those before it may. An agent gives cards out, and sees neither sales nor customers.
ROLES = ("agent", "cashier", "manager", "owner")
# Beside the line: they come in only where a route names them (routing.staff's `also`).
BESIDE = ("marketer", "auditor")
SCOPES = ("cards:read", "cards:write", "enrolments:write", "sales:write", "reports:read", "admin")


@dataclass(frozen=True, slots=True)
class Principal:
    """A member of staff, an API key, a shopper or the system itself.

    business_id: whose things it may touch; acting_business_id: on whose behalf (differs only in a coalition, design rule 13);
    kind: staff | api_key | shopper | system; id: the row of that kind; role: of staff; scopes: of keys.
    location_id: the one location that the person works at, None for all; program_ids: the programmes that the person is kept to,
    None for all. device_id: the paired device that the session is bound to; training: the business is the sandbox of the real one;
    sandbox: a sandbox key.
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
    program_ids: frozenset[int] | None = None
    device_id: int | None = None
    training: bool = False
    sandbox: bool = False

    def may(self, role: str) -> bool:
        """Whether this is staff of `role` or above, or a key that stands for it (`admin` is a manager: api.md).

        A role beside the line stands for none of it.
        """
        if self.kind == "system":
            return True
        if self.kind == "api_key":
            return role != "owner" and ("admin" in self.scopes or role in ("agent", "cashier"))
        return self.role in ROLES and ROLES.index(self.role) >= ROLES.index(role)

    def has_scope(self, *scopes: str) -> bool:
        """Whether this key has one of `scopes`; `admin` has all."""
        return "admin" in self.scopes or bool(self.scopes & set(scopes))


def system(business_id: int) -> Principal:
    """The server acting for a business: expiry, welcome points, clean-up."""
    return Principal(business_id, business_id, "system", name="Tessera")


def shopper(business_id: int, customer_id: int | None = None) -> Principal:
    """A person on an activation or card page."""
    return Principal(business_id, business_id, "shopper", id=customer_id)
