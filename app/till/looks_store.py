"""What a till's answer says of a card besides its balances, in one look: a statement for each part costs more than what it reads."""
from typing import NamedTuple

from app.cards.rules import Card
from app.db import Database, Transaction
from app.programs.store import PROGRAM_COLUMNS, PROGRAM_JOINS, PROGRAM_WIDTH, Program, program_of

Reader = Database | Transaction

# As the rooms count and find each part themselves; most cards have no voucher, so only whether there is one is asked here.
_LOOK = f"""
SELECT {PROGRAM_COLUMNS},
  (SELECT COUNT(DISTINCT g.device_library_identifier) FROM passes s JOIN registrations g ON g.pass_id = s.id
   WHERE s.card_id = :card_id AND g.business_id = :business_id),
  (SELECT COUNT(*) FROM google_objects o
   WHERE o.business_id = :business_id AND o.card_id = :card_id AND o.has_users = 1 AND o.shred = 0),
  CASE WHEN EXISTS (
    SELECT 1 FROM vouchers v WHERE v.business_id = :business_id AND v.account_id = :account_id AND v.status = 'open'
  ) THEN 1 ELSE 0 END,
  u.id, u.name_sealed, u.phone_sealed
FROM programs p {PROGRAM_JOINS}
LEFT JOIN customers u ON u.id = CAST(:customer_id AS BIGINT) AND u.business_id = p.business_id
WHERE p.id = :program_id AND p.business_id = :business_id"""


class Look(NamedTuple):
    """apple, google: how many hold the card there; has_vouchers: some are open, perhaps ended; the customer's parts as they are sealed,
    None for what there is not."""

    program: Program
    apple: int
    google: int
    has_vouchers: int
    customer_id: int | None
    name_sealed: bytes | None
    phone_sealed: bytes | None


async def look(reader: Reader, card: Card) -> Look | None:
    """card: as it was just read; None where its business has no such programme."""
    row = await reader.fetch_one(_LOOK, {"card_id": card.id, "business_id": card.business_id, "account_id": card.account_id,
                                         "customer_id": card.customer_id, "program_id": card.program_id})
    if row is None:
        return None
    columns = tuple(row)
    return Look(program_of(columns[:PROGRAM_WIDTH]), *columns[PROGRAM_WIDTH:])
