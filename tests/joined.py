"""One thing of each kind that came later: an import, a campaign, a question, a topic, an erasure, a box of plastic, a webhook."""
from app.clock import to_ms
from app.context import Context
from app.db import write_transaction
from app.devices import service as devices
from app.enrolment import plastic
from tests.conftest import Shop

_IMPORT = """
INSERT INTO imports(business_id, program_id, name, reading, columns, mapping, options, state, actor_kind, created_at, changed_at)
VALUES (:business_id, :program_id, 'list.csv', '{"form": "csv", "encoding": "utf-8", "delimiter": ","}', '["Phone"]', '["phone"]', '{}',
        'done', 'staff', :now, :now) RETURNING id"""
_CAMPAIGN = """
INSERT INTO campaigns(business_id, program_id, name, import_id, way, held_out_bp, per_hour, state, actor_kind, created_at)
VALUES (:business_id, :program_id, 'Spring', :import_id, 'sms', 1000, 200, 'ready', 'staff', :now) RETURNING id"""
_QUESTION = """
INSERT INTO questions(business_id, program_id, key, kind, labels, need, position, version, created_at)
VALUES (:business_id, :program_id, :key, 'text', '{"en": "Which roast?", "ru": "Какая обжарка?"}', 'optional', 5, 1, :now) RETURNING id"""
_TOPIC = """
INSERT INTO topics(business_id, key, names, created_at) VALUES (:business_id, :key, '{"en": "News", "ru": "Новости"}', :now) RETURNING id"""
_ERASURE = """
INSERT INTO erasures(business_id, customer_id, customer_created_at, actor_kind, cards, removed, at)
VALUES (:business_id, 999, :now, 'staff', 1, '{}', :now) RETURNING id"""
_WEBHOOK = """
INSERT INTO webhooks(business_id, url, kinds, created_at) VALUES (:business_id, 'https://crm.example.com/tessera', ' card.created ', :now)
RETURNING id"""
_DELIVERY = """
INSERT INTO deliveries(business_id, webhook_id, kind, event_at, created_at, give_up_at)
VALUES (:business_id, :webhook_id, 'ping', :now, :now, :now) RETURNING id"""
_OFFLINE = """
INSERT INTO offline_items(business_id, device_id, counter, until, digest, is_slot, kind, state, why, happened_at, received_at)
VALUES (:business_id, :device_id, 1, 1, :digest, 0, 'gap', 'conflict', 'gap', :now, :now) RETURNING id"""


async def add(here: Context, shop: Shop) -> tuple[dict[str, int], dict[str, str]]:
    """(kind of public id → row, word in an address → key) of what was made."""
    now = here.clock.now()
    row = {"business_id": shop.business_id, "now": to_ms(now)}
    keys = {"question": f"roast{shop.business_id}", "topic": f"news{shop.business_id}"}
    box, _ = await plastic.make_batch(here.db, here.ring, shop.who, shop.program_id, "Spring", 1, now)

    code = await devices.offer(here.db, here.ring, shop.who, "Till 1", None, now)
    tablet, _ = await devices.pair(here.db, here.ring, code, b"", "203.0.113.9", now)

    async def act(tx) -> dict[str, int]:  # type: ignore[no-untyped-def]
        of_program = {**row, "program_id": shop.program_id}
        import_id = await tx.fetch_val(_IMPORT, of_program)
        await tx.fetch_val(_QUESTION, {**of_program, "key": keys["question"]})
        await tx.fetch_val(_TOPIC, {**row, "key": keys["topic"]})
        campaign_id = await tx.fetch_val(_CAMPAIGN, {**of_program, "import_id": import_id})
        webhook_id = await tx.fetch_val(_WEBHOOK, row)
        delivery_id = await tx.fetch_val(_DELIVERY, {**row, "webhook_id": webhook_id})
        erasure_id = await tx.fetch_val(_ERASURE, row)
        offline_id = await tx.fetch_val(_OFFLINE, {**row, "device_id": tablet.id, "digest": b"gap"})
        return {"offline_item": offline_id,
                "webhook": webhook_id, "delivery": delivery_id, "import": import_id, "campaign": campaign_id, "erasure": erasure_id,
                "plastic_batch": box, "device": tablet.id}

    return await write_transaction(here.db, act), keys
