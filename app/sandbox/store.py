"""SQL that copies a business's open programmes and what they name into its sandbox.

Rows are copied as they lie: what a room checked once when they were made need not be checked again.
"""
from typing import Any

from app.db import Database, Row, Transaction

Reader = Database | Transaction

_FIND = "SELECT id FROM businesses WHERE sandbox_of = :business_id AND sandbox_ended_at IS NULL"
_CREATE = """
INSERT INTO businesses(slug, name, texts, country, currency, time_zone, language, settings, created_at, sandbox_of)
SELECT CAST(:slug AS TEXT), name, texts, country, currency, time_zone, language, settings, CAST(:now AS BIGINT), id FROM businesses
WHERE id = :business_id AND sandbox_of IS NULL ON CONFLICT DO NOTHING RETURNING id"""
_BUSINESS = """
UPDATE businesses SET (name, texts, time_zone, language, settings) =
  (SELECT r.name, r.texts, r.time_zone, r.language, r.settings FROM businesses r WHERE r.id = :business_id) WHERE id = :twin"""
_LOCATIONS = """
INSERT INTO locations(business_id, name, texts, address, time_zone, latitude, longitude, created_at, tags, copy_of)
SELECT CAST(:twin AS BIGINT), name, texts, address, time_zone, latitude, longitude, CAST(:now AS BIGINT), tags, id FROM locations
WHERE business_id = :business_id AND closed_at IS NULL ORDER BY id
ON CONFLICT (business_id, copy_of) WHERE copy_of IS NOT NULL DO UPDATE SET name = excluded.name, texts = excluded.texts,
  address = excluded.address, time_zone = excluded.time_zone, tags = excluded.tags"""
_PROGRAMS = """
INSERT INTO programs(business_id, slug, kind, name, texts, number_prefix, rules_version, design_version, created_at, rotation_seconds,
  static_redeems, copy_of)
SELECT CAST(:twin AS BIGINT), slug, kind, name, texts, number_prefix, 0, 0, CAST(:now AS BIGINT), rotation_seconds, static_redeems, id
FROM programs WHERE business_id = :business_id AND closed_at IS NULL AND earns_until_at IS NULL ORDER BY id
ON CONFLICT (business_id, copy_of) WHERE copy_of IS NOT NULL DO UPDATE SET name = excluded.name, texts = excluded.texts,
  rotation_seconds = excluded.rotation_seconds, static_redeems = excluded.static_redeems"""
# The key of a reward is what rules and vouchers name, so it is also what tells a copy.
_REWARDS = """
INSERT INTO rewards(business_id, program_id, key, kind, names, unit, cost, value, sku, days, level, stock, position, created_at, closed_at)
SELECT CAST(:twin AS BIGINT), c.id, r.key, r.kind, r.names, r.unit, r.cost, r.value, r.sku, r.days, r.level, r.stock, r.position,
  CAST(:now AS BIGINT), r.closed_at
FROM rewards r JOIN programs c ON c.copy_of = r.program_id AND c.business_id = :twin WHERE r.business_id = :business_id ORDER BY r.id
ON CONFLICT (program_id, key) DO UPDATE SET kind = excluded.kind, names = excluded.names, unit = excluded.unit, cost = excluded.cost,
  value = excluded.value, sku = excluded.sku, days = excluded.days, level = excluded.level, stock = excluded.stock,
  position = excluded.position, closed_at = excluded.closed_at"""
_PRODUCTS = """
INSERT INTO products(business_id, sku, name, category, can_be_favourite, added_at)
SELECT CAST(:twin AS BIGINT), sku, name, category, can_be_favourite, CAST(:now AS BIGINT) FROM products WHERE business_id = :business_id
ON CONFLICT (business_id, sku) DO UPDATE SET name = excluded.name, category = excluded.category,
  can_be_favourite = excluded.can_be_favourite"""
_WAYS = """
INSERT INTO program_ways(program_id, business_id, screen, code, plastic, mail, anonymous, changed_at)
SELECT c.id, CAST(:twin AS BIGINT), w.screen, w.code, w.plastic, w.mail, w.anonymous, CAST(:now AS BIGINT)
FROM program_ways w JOIN programs c ON c.copy_of = w.program_id AND c.business_id = :twin WHERE w.business_id = :business_id
ON CONFLICT (program_id) DO UPDATE SET screen = excluded.screen, code = excluded.code, plastic = excluded.plastic, mail = excluded.mail,
  anonymous = excluded.anonymous, changed_at = excluded.changed_at"""
_DESIGNS = """
INSERT INTO design_versions(business_id, program_id, version, template, content, created_at, created_by)
SELECT CAST(:twin AS BIGINT), c.id, d.version, d.template, d.content, CAST(:now AS BIGINT), d.created_by
FROM programs p JOIN design_versions d ON d.program_id = p.id AND d.version = p.design_version
JOIN programs c ON c.copy_of = p.id AND c.business_id = :twin WHERE p.business_id = :business_id
ON CONFLICT (program_id, version) DO NOTHING"""
_DESIGN_NOW = """
UPDATE programs SET design_version = (SELECT p.design_version FROM programs p WHERE p.id = programs.copy_of)
WHERE business_id = :twin AND copy_of IS NOT NULL"""
_IMAGES = """
INSERT INTO images(business_id, kind, digest, width, height, created_at, created_by)
SELECT CAST(:twin AS BIGINT), kind, digest, width, height, CAST(:now AS BIGINT), created_by FROM images WHERE business_id = :business_id
ON CONFLICT (business_id, kind, digest) DO NOTHING"""
_IMAGE_FILES = """
INSERT INTO image_files(image_id, name, digest, content)
SELECT c.id, f.name, f.digest, f.content FROM images i JOIN image_files f ON f.image_id = i.id
JOIN images c ON c.business_id = :twin AND c.kind = i.kind AND c.digest = i.digest WHERE i.business_id = :business_id
ON CONFLICT (image_id, name) DO NOTHING"""
_QUESTIONS = """
INSERT INTO questions(business_id, program_id, key, kind, labels, choices, need, bonus_points, position, version, created_at, closed_at)
SELECT CAST(:twin AS BIGINT), c.id, q.key, q.kind, q.labels, q.choices, q.need, q.bonus_points, q.position, q.version,
  CAST(:now AS BIGINT), q.closed_at
FROM questions q JOIN programs c ON c.copy_of = q.program_id AND c.business_id = :twin WHERE q.business_id = :business_id ORDER BY q.id
ON CONFLICT (program_id, key) DO UPDATE SET labels = excluded.labels, choices = excluded.choices, need = excluded.need,
  bonus_points = excluded.bonus_points, position = excluded.position, version = excluded.version, closed_at = excluded.closed_at"""
_WORDINGS = """
INSERT INTO question_versions(business_id, question_id, version, labels, choices, need, bonus_points, created_at, created_by)
SELECT CAST(:twin AS BIGINT), k.id, v.version, v.labels, v.choices, v.need, v.bonus_points, CAST(:now AS BIGINT), v.created_by
FROM question_versions v JOIN questions q ON q.id = v.question_id AND q.business_id = :business_id
JOIN programs c ON c.copy_of = q.program_id AND c.business_id = :twin JOIN questions k ON k.program_id = c.id AND k.key = q.key
ON CONFLICT (question_id, version) DO NOTHING"""
_TEXTS = """
INSERT INTO consent_texts(business_id, purpose, language, version, text, sha256, created_at, title, long_text, ask_again)
SELECT CAST(:twin AS BIGINT), purpose, language, version, text, sha256, CAST(:now AS BIGINT), title, long_text, ask_again FROM consent_texts
WHERE business_id = :business_id ORDER BY id ON CONFLICT (business_id, purpose, language, version) DO NOTHING"""
_PURPOSES = """
INSERT INTO consent_purposes(business_id, key, names, created_at, closed_at)
SELECT CAST(:twin AS BIGINT), key, names, CAST(:now AS BIGINT), closed_at FROM consent_purposes WHERE business_id = :business_id ORDER BY id
ON CONFLICT (business_id, key) DO UPDATE SET names = excluded.names, closed_at = excluded.closed_at"""
# What is copied as it lies, each after what it points to; rules and segments name row ids and are written one by one.
_COPIES = (_BUSINESS, _LOCATIONS, _PROGRAMS, _REWARDS, _PRODUCTS, _WAYS, _IMAGES, _IMAGE_FILES, _DESIGNS, _DESIGN_NOW, _QUESTIONS,
           _WORDINGS, _TEXTS, _PURPOSES)
_COPY_IDS = "SELECT copy_of, id FROM {table} WHERE business_id = :twin AND copy_of IS NOT NULL"
_SEGMENT = """
INSERT INTO segments(business_id, key, name, filter, created_at) VALUES (:twin, :key, :name, :filter, :now)
ON CONFLICT (business_id, key) DO UPDATE SET name = excluded.name, filter = excluded.filter, closed_at = NULL"""
_LAST_RULES = "SELECT version, rules FROM rules_versions WHERE program_id = :program_id ORDER BY version DESC LIMIT 1"
_RULES = """
INSERT INTO rules_versions(business_id, program_id, version, rules, created_at, created_by)
VALUES (:twin, :program_id, :version, :rules, :now, :created_by)"""
_RULES_NOW = "UPDATE programs SET rules_version = :version WHERE id = :program_id AND business_id = :twin"


async def find(reader: Reader, business_id: int) -> int | None:
    """The sandbox of a business that stands now."""
    return await reader.fetch_val(_FIND, {"business_id": business_id})


async def create(tx: Transaction, business_id: int, slug: str, now: int) -> int | None:
    """A sandbox and nothing in it; None where there is one already, or the business is one itself."""
    return await tx.fetch_val(_CREATE, {"business_id": business_id, "slug": slug, "now": now})


async def copy(tx: Transaction, business_id: int, twin: int, now: int) -> None:
    """Everything that can be copied as it lies; what was copied before becomes as it is now."""
    for statement in _COPIES:
        await tx.execute(statement, {name: value for name, value in (("business_id", business_id), ("twin", twin), ("now", now))
                                     if f":{name}" in statement})


async def copies(reader: Reader, twin: int, table: str) -> dict[int, int]:
    """The real row → its copy; table: locations or programs."""
    return {row["copy_of"]: row["id"] for row in await reader.fetch_all(_COPY_IDS.format(table=table), {"twin": twin})}


async def put_segment(tx: Transaction, twin: int, values: dict[str, Any]) -> None:
    await tx.execute(_SEGMENT, {"twin": twin, **values})


async def last_rules(tx: Transaction, program_id: int) -> Row | None:
    """version and rules (JSON) of a copied programme; None where it has none yet."""
    return await tx.fetch_one(_LAST_RULES, {"program_id": program_id})


async def put_rules(tx: Transaction, twin: int, program_id: int, version: int, rules: str, created_by: str, now: int) -> None:
    await tx.execute(_RULES, {"twin": twin, "program_id": program_id, "version": version, "rules": rules, "created_by": created_by,
                              "now": now})
    await tx.execute(_RULES_NOW, {"version": version, "program_id": program_id, "twin": twin})


async def end(tx: Transaction, twin: int, now: int) -> None:
    await tx.execute("UPDATE businesses SET sandbox_ended_at = :now WHERE id = :twin AND sandbox_ended_at IS NULL",
                     {"twin": twin, "now": now})


async def move_keys(tx: Transaction, twin: int, to: int) -> None:
    """Keys live on in the sandbox that follows; one that was kept to a shop goes with the shop's copy."""
    await tx.execute(
        "UPDATE api_keys SET location_id = (SELECT n.id FROM locations o "
        "JOIN locations n ON n.copy_of = o.copy_of AND n.business_id = :new WHERE o.id = api_keys.location_id), "
        "business_id = :new WHERE business_id = :twin", {"twin": twin, "new": to})


async def ended_customers(reader: Reader, most: int) -> list[tuple[int, int]]:
    """(business, customer) of people who are still named in sandboxes that ended."""
    rows = await reader.fetch_all(
        "SELECT c.business_id, c.id FROM businesses b JOIN customers c ON c.business_id = b.id "
        "WHERE b.sandbox_ended_at IS NOT NULL AND c.erased_at IS NULL ORDER BY c.id LIMIT :most", {"most": most})
    return [(row["business_id"], row["id"]) for row in rows]
