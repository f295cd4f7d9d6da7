"""A business, its locations, its programmes, and their versioned rules and designs."""
from app.schema.sql import run

revision, down_revision = "0001", None


def upgrade() -> None:
    run("""
-- what this database is: id_key, key_check, demo, restored_at, update_floor
CREATE TABLE meta(
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
);
CREATE TABLE businesses(
  id $ID,
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  texts TEXT NOT NULL DEFAULT '{}',       -- JSON: {"ru": {"name": …}, …}
  country TEXT NOT NULL,                  -- ISO 3166 alpha-2: the region of phone numbers
  currency TEXT NOT NULL,                 -- ISO 4217
  time_zone TEXT NOT NULL,                -- IANA
  language TEXT NOT NULL,
  settings TEXT NOT NULL DEFAULT '{}',    -- JSON: limits and choices of this business
  created_at BIGINT NOT NULL
);
CREATE TABLE locations(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  name TEXT NOT NULL,
  texts TEXT NOT NULL DEFAULT '{}',
  address TEXT NOT NULL DEFAULT '',
  time_zone TEXT,                         -- NULL: the business's
  latitude $DOUBLE,
  longitude $DOUBLE,
  created_at BIGINT NOT NULL,
  closed_at BIGINT
);
CREATE INDEX locations_business ON locations(business_id);
CREATE TABLE programs(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  slug TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  texts TEXT NOT NULL DEFAULT '{}',
  number_prefix TEXT NOT NULL,            -- three digits, never beginning with 9
  rules_version BIGINT NOT NULL,
  design_version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  closed_at BIGINT,
  UNIQUE(business_id, slug)
);
CREATE TABLE rules_versions(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  version BIGINT NOT NULL,
  rules TEXT NOT NULL,                    -- JSON of programs.rules.ProgramRules
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  UNIQUE(program_id, version)
);
CREATE TABLE design_versions(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  version BIGINT NOT NULL,
  template TEXT NOT NULL,                 -- a folder of pass_templates/
  content TEXT NOT NULL,                  -- JSON of designs.rules.DesignContent
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  UNIQUE(program_id, version)
);
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
