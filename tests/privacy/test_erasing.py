"""A shopper is forgotten: nothing that names them is left, nothing can be spent, and the books agree."""
import pytest

from app.cards import service as cards
from app.customers import service as customers
from app.customers import topics
from app.db import write_transaction
from app.errors import Forbidden, NotFound
from app.ledger import sealing
from app.ledger import service as ledger
from app.ledger.verify import verify
from app.privacy import erasing
from app.sales import service as sales
from app.sales.rules import SaleRequest
from app.web.principal import shopper
from tests.enrolment.joining import ANNA, Joining
from tests.shops import make_card, make_shop


@pytest.fixture
async def card(here, shop):
    """Anna's card with points, of which some were spent."""
    made = await make_card(here, shop, points=300)
    await sales.sell(here.db, shop.cashier, SaleRequest(made.id, 100_000, 100), None, here.clock.now())
    return made


async def erase(here, shop, card, who=None) -> None:
    await erasing.erase(here.db, here.ring, who or shop.who, card.customer_id, here.clock.now())


async def test_name_phone_and_balance_go_and_the_operations_stay(here, shop, card):
    await erase(here, shop, card)
    row = dict(await here.db.fetch_one("SELECT * FROM customers WHERE id = :id", {"id": card.customer_id}))
    personal = ("phone_sealed", "phone_hash", "phone_server_hash", "phone_last4_hash", "email_sealed", "email_hash", "name_sealed",
                "name_folded", "birthday_on")
    assert [name for name in personal if row[name] is not None] == [] and row["erased_at"]
    assert await customers.find_by_phone(here.db, here.ring, shop.business_id, ANNA) is None
    assert set((await ledger.shown(here.db, card.account_id, here.clock.now())).available.values()) <= {0}
    kinds = [one.kind for one in (await sales.list_operations(here.db, shop.who, card_id=card.id)).items]
    assert kinds == ["expiry", "sale", "adjustment"]
    await sealing.seal_pending(here.db)
    assert await verify(here.db, here.clock.now()) == []


async def test_every_card_of_theirs_ends_for_good_with_its_links(here, shop, card):
    async def links(tx):
        return [await cards.page_link(tx, here.ring, card, strength, here.clock.now()) for strength in ("card", "pass")]

    tokens = await write_transaction(here.db, links)
    new = await cards.replace(here.db, shop.who, card.id, None, "472", here.clock.now())
    await erase(here, shop, card)
    assert [(await cards.get_card(here.db, shop.business_id, one.id)).status for one in (card, new)] == ["erased", "erased"]
    assert [await cards.card_by_token(here.db, here.ring, token) for token in tokens] == [None, None]


async def test_phones_are_told_that_each_pass_changed(here, shop, card):
    before = await here.db.fetch_val("SELECT COUNT(*) FROM updates") + await here.db.fetch_val("SELECT COUNT(*) FROM update_queue")
    await erase(here, shop, card)
    after = await here.db.fetch_val("SELECT COUNT(*) FROM updates") + await here.db.fetch_val("SELECT COUNT(*) FROM update_queue")
    assert after > before


async def test_googles_object_is_written_over_with_nothing(here, shop, card):
    now = 1
    class_id = await here.db.fetch_val(
        "INSERT INTO google_classes(business_id, program_id, issuer_id, class_id, due_at, created_at) VALUES (:business, :program, '3388', "
        "'3388.points', :now, :now) RETURNING id", {"business": shop.business_id, "program": shop.program_id, "now": now})
    await here.db.execute(
        "INSERT INTO google_objects(business_id, card_id, class_row_id, object_id, is_created, due_at, created_at) VALUES (:business, "
        ":card, :class, '3388.card', 1, :now, :now)", {"business": shop.business_id, "card": card.id, "class": class_id, "now": now})
    await erase(here, shop, card)
    assert await here.db.fetch_val("SELECT shred FROM google_objects") == 1


async def test_a_card_that_still_waits_for_its_shopper_goes_with_its_link(here, shop):
    joining = Joining(here, shop)
    told = await joining.start()
    card = await cards.get_card(here.db, shop.business_id, told.card_id)
    await joining.credit(card)
    await erase(here, shop, card)
    [enrolment] = await joining.all("enrolments")
    assert (enrolment["status"], enrolment["phone_sealed"]) == ("cancelled", None)
    assert (await cards.get_card(here.db, shop.business_id, card.id)).status == "erased"


async def test_the_number_can_join_again_as_somebody_new(here, shop, card):
    await erase(here, shop, card)
    again = await make_card(here, shop)
    assert again.customer_id != card.customer_id and again.account_id != card.account_id


async def test_only_the_owner_and_the_shopper_may_erase(here, shop, card):
    stranger = shopper(shop.business_id, card.customer_id + 1)
    for who in (shop.cashier, shop.key_principal, stranger):
        with pytest.raises(Forbidden):
            await erase(here, shop, card, who)
    other = await make_shop(here, "other")
    with pytest.raises(NotFound):
        await erase(here, shop, card, other.who)
    assert (await cards.get_card(here.db, shop.business_id, card.id)).status == "active"
    await erase(here, shop, card, shopper(shop.business_id, card.customer_id))
    assert (await cards.get_card(here.db, shop.business_id, card.id)).status == "erased"


@pytest.mark.goal("N4")
async def test_answers_wishes_texts_that_name_them_and_rows_of_their_list_go(here, shop, card):
    at = {"business": shop.business_id, "program": shop.program_id, "customer": card.customer_id, "account": card.account_id,
          "card": card.id}
    question = await here.db.fetch_val(
        "INSERT INTO questions(business_id, program_id, key, kind, labels, need, position, version, created_at) VALUES (:business, "
        ":program, 'drink', 'text', '{}', 'optional', 1, 1, 1) RETURNING id", {"business": at["business"], "program": at["program"]})
    await here.db.execute("INSERT INTO answers(business_id, customer_id, question_id, version, value_sealed, answered_at) VALUES "
                          "(:business, :customer, :question, 1, :value, 1)", {"business": at["business"], "customer": at["customer"],
                                                                  "question": question, "value": b"x"})
    await here.db.execute("INSERT INTO favourites(business_id, account_id, sku, at, until_at) VALUES (:business, :account, 'tea', 1, 2)",
                          {"business": at["business"], "account": at["account"]})
    await here.db.execute("INSERT INTO aliases(business_id, value, card_id, created_at) VALUES (:business, 'OLD-1', :card, 1)",
                          {"business": at["business"], "card": at["card"]})
    listed = await here.db.fetch_val(
        "INSERT INTO imports(business_id, program_id, name, reading, columns, mapping, options, state, actor_kind, created_at, changed_at) "
        "VALUES (:business, :program, 'base.csv', '{}', '[]', '[]', '{}', 'done', 'staff', 1, 1) RETURNING id",
        {"business": at["business"], "program": at["program"]})
    await here.db.execute("INSERT INTO import_blocks(business_id, import_id, number, size, content_sealed) VALUES (:business, :list, 0, 1, "
                          ":rows)", {"business": at["business"], "list": listed, "rows": b"x"})
    await here.db.execute(
        "INSERT INTO import_people(business_id, import_id, row_number, customer_id, account_id, card_id, alias, is_new_card, may_write, "
        "state) VALUES (:business, :list, 1, :customer, :account, :card, 'OLD-1', 1, 0, 'in')",
        {**{name: at[name] for name in ("business", "customer", "account", "card")}, "list": listed})
    who = shopper(shop.business_id, card.customer_id)
    await write_transaction(here.db, lambda tx: topics.set_wish(tx, who, card.customer_id, None, "sms", False, here.clock.now()))
    done = await erasing.erase(here.db, here.ring, shop.who, card.customer_id, here.clock.now())
    assert {"answers", "favourites", "aliases", "import_blocks", "import_people", "wishes", "operation_texts"} <= set(done.removed)
    for table in ("answers", "favourites", "aliases", "import_blocks", "wishes"):
        assert await here.db.fetch_val(f"SELECT COUNT(*) FROM {table}") == 0
    assert await here.db.fetch_val("SELECT alias FROM import_people") is None
    texts = [row["content"] for row in await here.db.fetch_all("SELECT content FROM operation_texts WHERE content IS NOT NULL")]
    assert "a beginning" not in "".join(texts), "a reason was written by hand"
    await sealing.seal_pending(here.db)
    assert await verify(here.db, here.clock.now()) == []


@pytest.mark.goal("N4")
async def test_a_poster_that_waits_for_their_number_ends_too(here, shop, card):
    joining = Joining(here, shop)
    await joining.start("+79161239999")
    await here.db.execute("UPDATE enrolments SET card_id = NULL, phone_hash = (SELECT phone_hash FROM customers WHERE id = :id)",
                          {"id": card.customer_id})
    await erase(here, shop, card)
    [enrolment] = await joining.all("enrolments")
    assert (enrolment["status"], enrolment["phone_sealed"], enrolment["phone_hash"]) == ("cancelled", None, None)
    assert [message["phone_sealed"] for message in await joining.all("messages")] == [None]
