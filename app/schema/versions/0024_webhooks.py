"""Where a business wants to be told, and every telling."""
from alembic import op

from app.schema.sql import run

revision, down_revision = "0024", "0023"

# As app/webhooks/rules.py says: for so long a telling is tried.
GIVE_UP_MS = 3 * 24 * 60 * 60 * 1000
# A telling is made in the transaction of its event, by the database itself: no reader could miss one that commits behind a later
# number, no room has to know who listens, and a business without an address pays one look into an index.
_FAN_OUT = (
    "INSERT INTO deliveries(business_id, webhook_id, event_id, kind, event_at, created_at, give_up_at) "
    f"SELECT NEW.business_id, w.id, NEW.id, NEW.kind, NEW.at, NEW.at, NEW.at + {GIVE_UP_MS} FROM webhooks w "
    "WHERE w.business_id = NEW.business_id AND w.deleted_at IS NULL AND {found}(w.kinds, ' ' || NEW.kind || ' ') > 0")


def upgrade() -> None:
    run("""
-- an address of the business's own systems that wants to hear of events
CREATE TABLE webhooks(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  url TEXT NOT NULL,
  kinds TEXT NOT NULL,                    -- ' card.created operation.created ': a space around each
  note TEXT NOT NULL DEFAULT '',
  secret_sealed $BLOB,                    -- NULL: deleted
  old_secret_sealed $BLOB,                -- signs beside the new one until old_until
  old_until BIGINT,
  created_at BIGINT NOT NULL,
  paused_at BIGINT,
  paused_why TEXT,                        -- by_hand, failing, gone
  deleted_at BIGINT,
  failures BIGINT NOT NULL DEFAULT 0,     -- in a row; a success begins anew
  failing_since BIGINT,
  due_at BIGINT NOT NULL DEFAULT 0,       -- nothing is sent there before
  claimed_until BIGINT
);
CREATE INDEX webhooks_business ON webhooks(business_id);
-- one event (or a test) on its way to one address
CREATE TABLE deliveries(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  webhook_id BIGINT NOT NULL REFERENCES webhooks(id),
  event_id BIGINT,                        -- NULL: a test
  kind TEXT NOT NULL,
  event_at BIGINT NOT NULL,
  body TEXT,                              -- made with the first try: ids, amounts, words of the rules; nobody's name or number
  state TEXT NOT NULL DEFAULT 'waiting',  -- waiting, delivered, failed
  tries BIGINT NOT NULL DEFAULT 0,
  due_at BIGINT NOT NULL DEFAULT 0,
  give_up_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  tried_at BIGINT,                        -- the newest try, and what came of it
  status BIGINT,
  answer TEXT,
  why TEXT,
  took_ms BIGINT
);
CREATE INDEX deliveries_waiting ON deliveries(webhook_id, id) WHERE state = 'waiting';
CREATE INDEX deliveries_ends ON deliveries(give_up_at) WHERE state = 'waiting';
CREATE INDEX deliveries_list ON deliveries(webhook_id, id);
CREATE INDEX deliveries_age ON deliveries(created_at);
""")
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"CREATE TRIGGER events_to_webhooks AFTER INSERT ON events BEGIN {_FAN_OUT.format(found='instr')}; END")
        return
    connection.exec_driver_sql("CREATE FUNCTION events_to_webhooks() RETURNS trigger LANGUAGE plpgsql AS "
                               f"$$ BEGIN {_FAN_OUT.format(found='strpos')}; RETURN NULL; END $$")
    connection.exec_driver_sql("CREATE TRIGGER events_to_webhooks AFTER INSERT ON events "
                               "FOR EACH ROW EXECUTE FUNCTION events_to_webhooks()")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
