"""What a message is paid from."""
from datetime import datetime

from app.clock import local_day
from app.programs.store import Business


def purses_of(business: Business, at: datetime) -> list[tuple[str, str]]:
    """(scope, period) of what a message is paid from: the business's local day and month, the server's day and month in UTC."""
    days = ((f"business:{business.id}", local_day(at, business.time_zone).isoformat()), ("server", local_day(at, "UTC").isoformat()))
    return [(scope, day[:length]) for scope, day in days for length in (10, 7)]
