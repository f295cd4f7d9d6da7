"""What a business lets its cashiers do without a manager."""
from datetime import datetime

from app.audit import service as audit
from app.clock import to_ms
from app.db import Database, Transaction, write_transaction
from app.errors import FieldError, Invalid
from app.staff import roles_store
from app.text import N_
from app.web.principal import Principal

MOST_MINOR = 10**12


async def cashier_refund_most(reader: Database | Transaction, business_id: int) -> int | None:
    """In minor units, of one sale; None: no limit."""
    return await roles_store.cashier_refund_most(reader, business_id)


async def set_cashier_refund_most(db: Database, who: Principal, most_minor: int | None, now: datetime) -> None:
    """0: cashiers refund nothing. Raises Invalid (field refund_most)."""
    if most_minor is not None and not 0 <= most_minor <= MOST_MINOR:
        raise Invalid(fields=[FieldError("refund_most", "amount", N_("Type an amount, or leave the field empty."))])

    async def act(tx: Transaction) -> None:
        if await roles_store.cashier_refund_most(tx, who.business_id) == most_minor:
            return
        await roles_store.set_cashier_refund_most(tx, who.business_id, most_minor, to_ms(now))
        await audit.record(tx, who, "staff.limits_changed", details={"amount": most_minor}, now=now)

    await write_transaction(db, act)
