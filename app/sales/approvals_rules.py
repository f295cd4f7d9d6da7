"""What a large adjustment needs: a second manager, within seven days."""
from datetime import datetime, timedelta

import msgspec

from app.errors import Forbidden, Refused
from app.text import N_
from app.web.principal import Principal

LIFE = timedelta(days=7)


class SecondManagerNeeded(Forbidden):
    code, detail = "second_manager_needed", N_("Another manager than the one who asked has to decide this.")


class ApprovalDecided(Refused):
    code, detail = "approval_decided", N_("This was decided already.")


class ApprovalExpired(Refused):
    code, detail = "approval_expired", N_("This waited longer than seven days. Ask again.")


class Approval(msgspec.Struct, frozen=True):
    """An adjustment that was asked for. status: waiting | approved | refused | expired; operation_id: what came of it."""

    id: int
    card_id: int
    unit: str
    amount: int
    reason: str
    status: str
    asked_kind: str
    asked_id: int | None
    asked_name: str
    asked_at: datetime
    decided_id: int | None = None
    decided_at: datetime | None = None
    operation_id: int | None = None

    def is_over(self, now: datetime) -> bool:
        return now >= self.asked_at + LIFE


def check_decision(approval: Approval, who: Principal, now: datetime) -> None:
    """Raises what stands against `who` deciding it."""
    if not who.may("manager"):
        raise Forbidden()
    if approval.status in ("approved", "refused"):
        raise ApprovalDecided()
    if approval.status == "expired" or approval.is_over(now):
        raise ApprovalExpired()
    if (who.kind, who.id) == (approval.asked_kind, approval.asked_id):
        raise SecondManagerNeeded()
