"""What webhooks say of each of the ten kinds: ids and amounts, and nothing that names a person or opens a card."""
from app.cards import service as cards
from app.customers import service as customers
from app.db import write_transaction
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.till import telling
from app.updates import service as updates
from app.webhooks import rules, store
from tests.shops import make_card
from tests.till.calling import on_sqlite

pytestmark = on_sqlite


async def test_every_kind_is_drawn_by_ids_alone(here, shop):
    now = here.clock.now()
    card = await make_card(here, shop, points=50)
    await sales.sell(here.db, shop.who, SaleRequest(card.id, 100_00), None, now)
    other = await cards.replace(here.db, shop.who, card.id, None, "472", now)
    await cards.block(here.db, shop.who, other.id, None, now)

    async def act(tx):
        text = (await customers.current_texts(tx, shop.business_id, "en"))["marketing"]
        await customers.record_consent(tx, shop.who, card.customer_id, "marketing", True, text.id, "test", now)
        for kind in ("pass.installed", "pass.removed"):
            await updates.emit(tx, shop.business_id, kind, now, card_id=card.id, details={"wallet": "google"})
        await updates.emit(tx, shop.business_id, "tier.changed", now, card_id=card.id, details={"from": None, "to": "gold"})
        await updates.emit(tx, shop.business_id, "enrolment.expired", now, card_id=card.id, enrolment_id=7)

    await write_transaction(here.db, act)
    told = {}
    for row in await here.db.fetch_all("SELECT id FROM events ORDER BY id"):
        event = await store.find_event(here.db, shop.business_id, row["id"])
        if event.kind in rules.KINDS:
            told[event.kind] = await telling.data_of(here, event)
    assert set(told) == set(rules.KINDS)
    public = {kind: here.ids.encode(kind, row) for kind, row in (("card", card.id), ("customer", card.customer_id), ("enrolment", 7))}
    assert told["card.replaced"]["card"] == {**told["card.replaced"]["card"], "id": public["card"], "status": "replaced",
                                             "replaced_by": here.ids.encode("card", other.id), "customer": public["customer"]}
    assert told["card.blocked"]["card"]["status"] == "blocked"
    assert told["operation.created"]["operation"]["actor"] == {"kind": "staff"}
    assert told["pass.removed"] == {"card": public["card"], "wallet": "google"}
    assert told["tier.changed"] == {"card": public["card"], "operation": None, "from": None, "to": "gold"}
    assert told["enrolment.expired"] == {"enrolment": public["enrolment"], "card": public["card"]}
    assert told["consent.changed"]["customer"] == public["customer"] and told["consent.changed"]["granted"] is True
    text = str(told)
    for secret in ("Анна", "+7", "1234'", "Owner", card.code, other.code, "a beginning"):
        assert secret not in text
