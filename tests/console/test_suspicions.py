"""Signs of fraud on the first page, in both languages, until a manager has seen them."""
import re

from app.console.suspicions import SENTENCES
from app.context import Context
from app.db import write_transaction
from tests.conftest import Shop
from tests.console.visiting import Visitor
from tests.shops import make_card


async def test_every_sign_is_said_in_words_and_goes_when_it_is_seen(here: Context, shop: Shop, other_shop: Shop, manager: Visitor) -> None:
    assert "Worth a look" not in await manager.page("/console")
    card = await make_card(here, shop)

    async def act(tx) -> None:
        for kind in SENTENCES:
            subject = ("staff", shop.cashier.id) if kind in ("one_card", "welcome_farming", "corrections") else ("account", card.account_id)
            await tx.execute("INSERT INTO suspicions(business_id, kind, subject_kind, subject_id, period, details, at) VALUES (:b, :kind, "
                             ":what, :id, '2026-11-22', '{\"count\": 7, \"seconds\": 40}', 1763802000000)",
                             {"b": shop.business_id, "kind": kind, "what": subject[0], "id": subject[1]})
        await tx.execute("INSERT INTO suspicions(business_id, kind, subject_kind, subject_id, period, details, at) VALUES (:b, 'split', "
                         "'account', 1, '2026-11-22', '{}', 1)", {"b": other_shop.business_id})

    await write_transaction(here.db, act)
    page = await manager.page("/console")
    assert "Cashier rang up 7 purchases on one card" in page
    assert f"Card …{card.number[-4:]} was used at two tills within 40 seconds" in page
    russian = await manager.page("/console", "ru")
    assert "Стоит посмотреть" in russian and "rang up" not in russian
    shown = re.findall(r'name="suspicion" value="(sus_[^"]+)"', (await manager.get("/console")).text)
    assert len(shown) == len(SENTENCES)
    assert (await manager.post("/console/suspicions", {"suspicion": shown[0]})).status_code == 303
    assert shown[0] not in (await manager.get("/console")).text
    assert (await manager.post("/console/suspicions", {"suspicion": shown[0]})).status_code == 404
    theirs = here.ids.encode("suspicion", await here.db.fetch_val("SELECT id FROM suspicions WHERE business_id = :b",
                                                                  {"b": other_shop.business_id}))
    assert (await manager.post("/console/suspicions", {"suspicion": theirs})).status_code == 404
