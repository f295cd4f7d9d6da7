"""What a programme promises: its settings, what settings make sense, and the sentences that explain them."""
import re
from typing import Literal

import msgspec

from app.errors import FieldError, Invalid
from app.programs import terms
from app.programs.checks import LIMITS, validate
from app.programs.explain import explain
from app.programs.findings import WHOLE_BP
from app.text import N_

__all__ = ["LIMITS", "WHOLE_BP", "ProgramRules", "dump", "explain", "parse", "validate"]


# The hash is kept with the rules: every sale looks up what was read from them (lru_cache), and hashing ten rules costs more than that.
class ProgramRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, cache_hash=True):
    """The rules of one version of a programme, of whatever kind. Amounts in minor units; every division rounds once a receipt.

    Earning: earn_points per earn_per_minor paid in money, in `unit`: points, or money (cashback, in minor units); `proportional`
    counts every minor unit, `whole_steps` full steps only, both round down. Receipts below minimum_receipt_minor earn nothing and
    cannot be paid with points. Spending: worth_points pay worth_minor, for at most largest_share_bp of a receipt (basis points),
    from smallest_redeem on and in steps of redeem_step. discount_bp: off every receipt that is not below the minimum.

    Life of a lot: lot_days days from its day on, to the end of the month or year in which those days end, or from the last
    activity on (None: for ever); fades let it end in parts. pending_days: earned points wait so long. warn_days: how many days
    before an end it is told. refund_debt: where earned points are spent already, a refund leaves a debt (`owed`) or lets it go
    (`waived`). Lots given back after their end live refund_grace_days more. A sale can be undone for undo_minutes. Adjustments
    above four_eyes_over (in the unit adjusted) need a second manager; redemptions above confirm_redeem_over a live confirmation.
    """

    earn_points: int = 0
    earn_per_minor: int = 10_000
    worth_minor: int = 100
    worth_points: int = 1
    earn_mode: Literal["proportional", "whole_steps"] = "proportional"
    minimum_receipt_minor: int = 0
    largest_share_bp: int = WHOLE_BP
    lot_days: int | None = 365
    welcome_points: int = 0
    refund_debt: Literal["owed", "waived"] = "owed"
    refund_grace_days: int = 14
    undo_minutes: int = 10
    unit: Literal["points", "money"] = "points"
    discount_bp: int = 0
    smallest_redeem: int = 0
    redeem_step: int = 1
    lot_end: Literal["day", "month", "year", "activity"] = "day"
    fades: tuple[terms.Fade, ...] = ()
    pending_days: int = 0
    warn_days: tuple[int, ...] = (30, 7, 1)
    four_eyes_over: int | None = None
    confirm_redeem_over: int | None = None
    convert: terms.Conversion | None = None
    levels: terms.Levels | None = None
    stamps: terms.Stamps | None = None
    visits: terms.Visits | None = None
    membership: terms.Membership | None = None
    gift: terms.Gift | None = None
    charity: terms.Charity | None = None
    club: terms.Club | None = None
    referral: terms.Referral | None = None
    offers: terms.Offers | None = None
    favourite: terms.Favourite | None = None
    rules: tuple[terms.Rule, ...] = ()


def parse(text: str | bytes) -> ProgramRules:
    """Rules from their JSON; raises Invalid for other fields or types than ProgramRules has."""
    try:
        return msgspec.json.decode(text, type=ProgramRules)
    except msgspec.DecodeError as error:
        field = re.search(r"`\$\.([a-z_]+)`|field `([a-z_]+)`", str(error))
        name = (field[1] or field[2]) if field else "rules"
        raise Invalid(fields=[FieldError(name, "type", N_("This is not a rule of a programme."))]) from error


def dump(rules: ProgramRules) -> str:
    """The JSON that `parse` reads."""
    return msgspec.json.encode(rules).decode()
