"""Where posters hang, and how often each link was opened."""
from app.schema.sql import run

revision, down_revision = "0021", "0020"

# slug: what `?from=` says. enrolment_visits counts every name that links come with, so it holds no more than what enrolment allows a
# programme; `poster` is empty for the page itself.
TABLES = """
CREATE TABLE poster_places (
    id $ID,
    business_id BIGINT NOT NULL REFERENCES businesses(id),
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    location_id BIGINT REFERENCES locations(id),
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX poster_places_by_slug ON poster_places (business_id, slug);
CREATE TABLE enrolment_visits (
    program_id BIGINT NOT NULL REFERENCES programs(id),
    poster TEXT NOT NULL,
    business_id BIGINT NOT NULL REFERENCES businesses(id),
    visits BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (program_id, poster)
);
CREATE INDEX enrolment_visits_by_business ON enrolment_visits (business_id);
"""


def upgrade() -> None:
    run(TABLES)


def downgrade() -> None:
    raise RuntimeError("Tessera's schema only goes forward; restore a backup instead.")
