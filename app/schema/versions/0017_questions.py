"""The questionnaire of a programme and what people answered."""
from app.schema.sql import run

revision, down_revision = "0017", "0016"


def upgrade() -> None:
    run("""
CREATE TABLE questions(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  program_id BIGINT NOT NULL REFERENCES programs(id),
  key TEXT NOT NULL,                      -- name, birthday and email: the standard fields, whose answers are the customer's own columns
  kind TEXT NOT NULL,                     -- text | number | date | choice
  labels TEXT NOT NULL,                   -- JSON: {"en": …, "ru": …}
  choices TEXT NOT NULL DEFAULT '[]',     -- JSON: [{"key": …, "labels": {…}}]
  need TEXT NOT NULL,                     -- required | optional | later | hidden
  bonus_points BIGINT NOT NULL DEFAULT 0, -- of `later`, in what the programme counts
  position BIGINT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  closed_at BIGINT,
  UNIQUE(program_id, key)
);
-- how a question read at each time: an answer names the wording that it answered
CREATE TABLE question_versions(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  question_id BIGINT NOT NULL REFERENCES questions(id),
  version BIGINT NOT NULL,
  labels TEXT NOT NULL,
  choices TEXT NOT NULL,
  need TEXT NOT NULL,
  bonus_points BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  PRIMARY KEY(question_id, version)
)$KEYED;
CREATE TABLE answers(
  id $ID,
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  customer_id BIGINT NOT NULL REFERENCES customers(id),
  question_id BIGINT NOT NULL REFERENCES questions(id),
  version BIGINT NOT NULL,
  value_sealed $BLOB NOT NULL,
  answered_at BIGINT NOT NULL,
  UNIQUE(customer_id, question_id)
);
CREATE INDEX answers_question ON answers(question_id);
-- a bonus is given once a question and person, whatever becomes of the answer
CREATE TABLE answer_bonuses(
  business_id BIGINT NOT NULL REFERENCES businesses(id),
  customer_id BIGINT NOT NULL REFERENCES customers(id),
  question_id BIGINT NOT NULL REFERENCES questions(id),
  operation_id BIGINT REFERENCES operations(id),
  given_at BIGINT NOT NULL,
  PRIMARY KEY(customer_id, question_id)
)$KEYED;
""")


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
