"""SQL on campaigns, on whom they invite, and on what these people did since."""
from collections.abc import Mapping, Sequence
from typing import Any

from app.campaigns.rules import Campaign, Outcome
from app.db import Database, Row, Transaction

Reader = Database | Transaction
_COLUMNS = ", ".join(Campaign.__slots__)


async def insert(tx: Transaction, row: Mapping[str, Any]) -> int:
    return await tx.fetch_val(
        "INSERT INTO campaigns(business_id, program_id, name, import_id, segment, tag, way, held_out_bp, per_hour, statement, state, "
        "actor_kind, actor_id, created_at) VALUES (:business_id, :program_id, :name, CAST(:import_id AS BIGINT), CAST(:segment AS TEXT), "
        "CAST(:tag AS TEXT), :way, :held_out_bp, :per_hour, CAST(:statement AS TEXT), 'gathering', :actor_kind, "
        "CAST(:actor_id AS BIGINT), :now) RETURNING id", row)


async def find(reader: Reader, business_id: int, campaign_id: int) -> Campaign | None:
    row = await reader.fetch_one(f"SELECT {_COLUMNS} FROM campaigns WHERE id = :id AND business_id = :business_id",
                                 {"id": campaign_id, "business_id": business_id})
    return Campaign(**dict(row)) if row else None


async def newest(reader: Reader, business_id: int, limit: int) -> list[Campaign]:
    rows = await reader.fetch_all(f"SELECT {_COLUMNS} FROM campaigns WHERE business_id = :business_id ORDER BY id DESC LIMIT :limit",
                                  {"business_id": business_id, "limit": limit})
    return [Campaign(**dict(row)) for row in rows]


async def at_work(reader: Reader, now: int, limit: int) -> list[Campaign]:
    """Of every business, those that gather their people or send and do not rest."""
    rows = await reader.fetch_all(
        f"SELECT {_COLUMNS} FROM campaigns WHERE state IN ('gathering', 'running') AND (rests_until IS NULL OR rests_until <= :now) "
        "ORDER BY id LIMIT :limit", {"now": now, "limit": limit})
    return [Campaign(**dict(row)) for row in rows]


async def set_state(tx: Transaction, campaign: Campaign, state: str, was: Sequence[str], *, why: str | None = None,
                    started_at: int | None = None, finished_at: int | None = None) -> bool:
    names = {f"was{number}": name for number, name in enumerate(was)}
    return await tx.fetch_one(
        "UPDATE campaigns SET state = :state, why = CAST(:why AS TEXT), rests_until = NULL, "
        "started_at = COALESCE(started_at, CAST(:started_at AS BIGINT)), finished_at = CAST(:finished_at AS BIGINT) "
        f"WHERE id = :id AND business_id = :business_id AND state IN ({', '.join(':' + name for name in names)}) RETURNING id",
        {"id": campaign.id, "business_id": campaign.business_id, "state": state, "why": why, "started_at": started_at,
         "finished_at": finished_at, **names}) is not None


async def rest(tx: Transaction, campaign: Campaign, why: str | None, until: int | None) -> None:
    await tx.execute("UPDATE campaigns SET why = CAST(:why AS TEXT), rests_until = CAST(:until AS BIGINT) WHERE id = :id "
                     "AND business_id = :business_id AND state = 'running'",
                     {"id": campaign.id, "business_id": campaign.business_id, "why": why, "until": until})


async def hold(tx: Transaction, campaign: Campaign) -> bool:
    """Whether it runs still; nobody stops it before `tx` ends."""
    query = "SELECT 1 FROM campaigns WHERE id = :id AND business_id = :business_id AND state = 'running'"
    return await tx.fetch_one(query if tx.engine == "sqlite" else f"{query} FOR UPDATE",
                              {"id": campaign.id, "business_id": campaign.business_id}) is not None


# Whom it invites.
_CONTACT = """
CASE WHEN u.phone_hash IS NULL THEN 0 ELSE 1 END AS has_phone,
CASE WHEN u.email_hash IS NULL THEN 0 ELSE 1 END AS has_email, u.tags AS tags"""
_HAS_CARD = """
CASE WHEN EXISTS (SELECT 1 FROM accounts ua JOIN cards uc ON uc.account_id = ua.id
  WHERE ua.program_id = :program_id AND ua.customer_id = u.id AND uc.activated_at IS NOT NULL AND uc.status IN ('active', 'blocked'))
THEN 1 ELSE 0 END AS is_member"""


async def of_import(reader: Reader, campaign: Campaign, limit: int) -> list[Row]:
    """The next people of the list: id (the cursor), account_id, customer_id, may_write, has_phone, has_email, tags, is_member."""
    return await reader.fetch_all(
        f"SELECT p.id AS id, p.account_id, p.customer_id, p.may_write, {_CONTACT}, {_HAS_CARD} FROM import_people p "
        "JOIN customers u ON u.id = p.customer_id WHERE p.business_id = :business_id AND p.import_id = :import_id AND p.state = 'in' "
        "AND p.id > :after ORDER BY p.id LIMIT :limit",
        {"business_id": campaign.business_id, "import_id": campaign.import_id, "program_id": campaign.program_id,
         "after": campaign.gathered_to, "limit": limit})


async def of_accounts(reader: Reader, campaign: Campaign, accounts: Sequence[int]) -> list[Row]:
    """As `of_import`, of these accounts; the cursor is the account's id, may_write what the newest list said."""
    names = {f"id{number}": account_id for number, account_id in enumerate(accounts)}
    return await reader.fetch_all(
        f"SELECT a.id AS id, a.id AS account_id, u.id AS customer_id, COALESCE((SELECT p.may_write FROM import_people p "
        f"WHERE p.account_id = a.id AND p.state <> 'undone' ORDER BY p.id DESC LIMIT 1), 0) AS may_write, {_CONTACT}, {_HAS_CARD} "
        "FROM accounts a JOIN customers u ON u.id = a.customer_id "
        f"WHERE a.business_id = :business_id AND a.id IN ({', '.join(':' + name for name in names)}) ORDER BY a.id",
        {"business_id": campaign.business_id, "program_id": campaign.program_id, **names})


async def insert_people(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    await tx.execute_many(
        "INSERT INTO campaign_people(business_id, campaign_id, account_id, customer_id, is_held_out, state) "
        "VALUES (:business_id, :campaign_id, :account_id, :customer_id, :is_held_out, :state) ON CONFLICT DO NOTHING", rows)


async def gathered(tx: Transaction, campaign: Campaign, to: int) -> bool:
    return await tx.fetch_one("UPDATE campaigns SET gathered_to = :to WHERE id = :id AND business_id = :business_id "
                              "AND state = 'gathering' AND gathered_to = :was RETURNING id",
                              {"id": campaign.id, "business_id": campaign.business_id, "to": to, "was": campaign.gathered_to}) is not None


async def waiting(reader: Reader, campaign: Campaign, now: int, limit: int) -> list[Row]:
    return await reader.fetch_all(
        "SELECT account_id, customer_id FROM campaign_people WHERE campaign_id = :id AND business_id = :business_id "
        "AND state = 'waiting' AND due_at <= :now ORDER BY due_at, account_id LIMIT :limit",
        {"id": campaign.id, "business_id": campaign.business_id, "now": now, "limit": limit})


async def next_due(reader: Reader, campaign: Campaign) -> int | None:
    """When somebody who waits is due; None: nobody waits."""
    return await reader.fetch_val("SELECT MIN(due_at) FROM campaign_people WHERE campaign_id = :id AND business_id = :business_id "
                                  "AND state = 'waiting'", {"id": campaign.id, "business_id": campaign.business_id})


async def sent_since(reader: Reader, campaign: Campaign, since: int) -> int:
    return await reader.fetch_val("SELECT COUNT(*) FROM campaign_people WHERE campaign_id = :id AND business_id = :business_id "
                                  "AND sent_at > :since", {"id": campaign.id, "business_id": campaign.business_id, "since": since})


async def settle(tx: Transaction, campaign: Campaign, account_id: int, state: str, *, why: str | None = None,
                 enrolment_id: int | None = None, sent_at: int | None = None) -> bool:
    """What became of somebody who waited; False where another process was faster."""
    return await tx.fetch_one(
        "UPDATE campaign_people SET state = :state, why = CAST(:why AS TEXT), enrolment_id = CAST(:enrolment_id AS BIGINT), "
        "sent_at = CAST(:sent_at AS BIGINT), tries = tries + 1 WHERE campaign_id = :id AND business_id = :business_id "
        "AND account_id = :account_id AND state = 'waiting' RETURNING account_id",
        {"id": campaign.id, "business_id": campaign.business_id, "account_id": account_id, "state": state, "why": why,
         "enrolment_id": enrolment_id, "sent_at": sent_at}) is not None


async def put_off(tx: Transaction, campaign: Campaign, account_id: int, due_at: int, why: str) -> None:
    await tx.execute("UPDATE campaign_people SET due_at = :due_at, why = :why, tries = tries + 1 WHERE campaign_id = :id "
                     "AND business_id = :business_id AND account_id = :account_id AND state = 'waiting'",
                     {"id": campaign.id, "business_id": campaign.business_id, "account_id": account_id, "due_at": due_at, "why": why})


async def imported_card(reader: Reader, business_id: int, program_id: int, customer_id: int) -> int | None:
    """The card that a list brought and that waits for its owner."""
    return await reader.fetch_val(
        "SELECT k.id FROM cards k JOIN accounts a ON a.id = k.account_id WHERE a.program_id = :program_id AND a.customer_id = :customer_id "
        "AND k.business_id = :business_id AND k.status = 'provisional' AND k.source = 'import' ORDER BY k.id DESC LIMIT 1",
        {"business_id": business_id, "program_id": program_id, "customer_id": customer_id})


async def may_write(reader: Reader, business_id: int, account_id: int) -> bool:
    """Whether the newest list with this account says that its owner agreed."""
    return bool(await reader.fetch_val("SELECT may_write FROM import_people WHERE business_id = :business_id AND account_id = :account_id "
                                       "AND state <> 'undone' ORDER BY id DESC LIMIT 1",
                                       {"business_id": business_id, "account_id": account_id}))


# What came of it.
async def states(reader: Reader, campaign: Campaign) -> dict[str, int]:
    rows = await reader.fetch_all("SELECT state, COUNT(*) AS n FROM campaign_people WHERE campaign_id = :id AND business_id = :business_id "
                                  "GROUP BY state", {"id": campaign.id, "business_id": campaign.business_id})
    return {row[0]: int(row[1]) for row in rows}


async def deliveries(reader: Reader, campaign: Campaign) -> dict[str, int]:
    """Messages of the campaign's invitations by state; mails are not among them."""
    rows = await reader.fetch_all(
        "SELECT m.state, COUNT(*) AS n FROM campaign_people p JOIN messages m ON m.enrolment_id = p.enrolment_id "
        "WHERE p.campaign_id = :id AND p.business_id = :business_id AND p.state = 'sent' AND m.purpose = 'invitation' "
        "AND m.created_at >= p.sent_at GROUP BY m.state", {"id": campaign.id, "business_id": campaign.business_id})
    return {row[0]: int(row[1]) for row in rows}


async def outcome(reader: Reader, campaign: Campaign, state: str, since: int) -> Outcome:
    """Of those in a state, since a moment (epoch ms), on their accounts of the programme; a sale that was undone was none."""
    row = await reader.fetch_one(
        """
SELECT COUNT(*) AS people, COALESCE(SUM(activated), 0) AS activated, COALESCE(SUM(CASE WHEN visits > 0 THEN 1 ELSE 0 END), 0) AS visitors,
  COALESCE(SUM(visits), 0) AS visits, COALESCE(SUM(money), 0) AS money
FROM (
  SELECT CASE WHEN EXISTS (SELECT 1 FROM accounts a JOIN cards k ON k.account_id = a.id WHERE a.program_id = :program_id
      AND a.customer_id = p.customer_id AND k.activated_at >= :since) THEN 1 ELSE 0 END AS activated,
    (SELECT COUNT(*) FROM accounts a JOIN operations o ON o.account_id = a.id WHERE a.program_id = :program_id
      AND a.customer_id = p.customer_id AND o.kind = 'sale' AND o.at >= :since
      AND NOT EXISTS (SELECT 1 FROM operations u WHERE u.of_operation_id = o.id AND u.kind = 'undo')) AS visits,
    (SELECT COALESCE(SUM(o.to_pay_minor - o.pay_back_minor), 0) FROM accounts a JOIN operations o ON o.account_id = a.id
      WHERE a.program_id = :program_id AND a.customer_id = p.customer_id AND o.kind IN ('sale', 'refund', 'undo')
      AND COALESCE((SELECT s.at FROM operations s WHERE s.id = o.of_operation_id), o.at) >= :since) AS money
  FROM campaign_people p WHERE p.campaign_id = :id AND p.business_id = :business_id AND p.state = :state
) each_one""",
        {"id": campaign.id, "business_id": campaign.business_id, "program_id": campaign.program_id, "state": state, "since": since})
    return Outcome(*(int(row[number]) for number in range(5)))
