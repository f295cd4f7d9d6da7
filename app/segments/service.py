"""Groups of customers with terms of their own: saved filters over what their accounts did."""
from collections.abc import Sequence
from datetime import datetime

from app.db import Database, Transaction


async def keys_of(reader: Database | Transaction, business_id: int, account_id: int, keys: Sequence[str], now: datetime) -> frozenset[str]:
    """Which of the named segments the account is in now."""
    raise NotImplementedError
