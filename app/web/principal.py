"""Who is asking: what every service is told, so that every query can name its business."""
from dataclasses import dataclass

# The line of `may`: each may what those before it may. An agent gives cards out, and sees neither sales nor customers.
ROLES = ("agent", "cashier", "manager", "owner")
# Beside the line: they come in only where a route names them (routing.staff's `also`).
BESIDE = ("marketer", "auditor")
# Where a sale was made, as the key or the sale itself says: at a till, in the business's shop on the web, in its app.
CHANNELS = ("till", "web", "app")
SCOPES = ("cards:read", "cards:write", "enrolments:write", "sales:write", "reports:read", "admin")


@dataclass(frozen=True, slots=True)
class Principal:
    """A member of staff, an API key, a shopper or the system itself.

    business_id: whose things it may touch; acting_business_id: on whose behalf (differs only in a coalition, design rule 13);
    kind: staff | api_key | operator | shopper | system; id: the row of that kind; role: of staff; scopes: of keys.
    location_id: where the person or key acts, None for nowhere in particular; kept_location_id, program_ids: the one location and the
    programmes outside of which the person sees and does nothing, None for all (docs/business.md).
    device_id: the paired device that the session is bound to, which locks when it lies idle for idle_minutes; training: the business is
    the sandbox of the real one; sandbox: a sandbox key; channel: where a key's sales are made unless they say it.
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
    kept_location_id: int | None = None
    idle_minutes: int | None = None
    channel: str = "till"

    def may(self, role: str) -> bool:
        """Whether this is staff of `role` or above, or a key that stands for it (`admin` is a manager: api.md).

        A role beside the line stands for none of it.
        """
        if self.kind == "system":
            return True
        if self.kind == "api_key":
            return role != "owner" and ("admin" in self.scopes or role in ("agent", "cashier"))
        return self.role in ROLES and ROLES.index(self.role) >= ROLES.index(role)

    @property
    def markets(self) -> bool:
        """Whether this may look after segments and campaigns: a manager, or the role that is there for it."""
        return self.may("manager") or self.role == "marketer"

    @property
    def kept_to(self) -> frozenset[str]:
        """What keeps this person to a part of the business: of "location" and "programs"."""
        return frozenset(([] if self.kept_location_id is None else ["location"]) + ([] if self.program_ids is None else ["programs"]))

    def reaches(self, *, program_id: int | None = None, location_id: int | None = None) -> bool:
        """Whether what is of this programme and this location (None: not asked) is this person's to see."""
        return (program_id is None or self.program_ids is None or program_id in self.program_ids) \
            and (location_id is None or self.kept_location_id in (None, location_id))

    def has_scope(self, *scopes: str) -> bool:
        """Whether this key has one of `scopes`; `admin` has all."""
        return "admin" in self.scopes or bool(self.scopes & set(scopes))


def system(business_id: int) -> Principal:
    """The server acting for a business: expiry, welcome points, clean-up."""
    return Principal(business_id, business_id, "system", name="Tessera")


def shopper(business_id: int, customer_id: int | None = None) -> Principal:
    """A person on an activation or card page."""
    return Principal(business_id, business_id, "shopper", id=customer_id)
