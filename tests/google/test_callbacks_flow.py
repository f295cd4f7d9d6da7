"""From a press to knowing who holds the card: the stand-in saves, signs a callback, and is asked."""
import dataclasses

import httpx2

from app.context import Context
from app.google import service, store
from app.google.root_keys import RootKeys
from tests.google.conftest import HOST, Wallet
from tests.shops import make_card, make_shop


async def test_a_saved_and_a_removed_card_is_known_as_soon_as_google_has_called_back(here: Context, wallet: Wallet,
                                                                                    client: httpx2.AsyncClient) -> None:
    answers: list[int] = []

    async def send(address: str, body: bytes) -> int:
        answers.append((await client.post(address, content=body)).status_code)
        return answers[-1]

    here.extras["google.root_keys"] = RootKeys(f"{HOST}/issuer/keys", wallet.network)
    wallet.fake._send = send
    card = await make_card(here, await make_shop(here))
    await service.save_link(here, card, here.clock.now())
    [object_id] = wallet.fake.shelf.objects
    held = []
    for happens in (wallet.fake.hold, wallet.fake.let_go):
        await happens(object_id)
        await service.reconcile_due(here)
        held.append(await service.count_held(here.db, card.business_id, card.id))
    assert (answers, held) == ([200, 200], [1, 0])
    assert wallet.calls("GET loyaltyObject") == [f"GET loyaltyObject/{object_id}"] * 2


async def test_a_class_asks_to_be_called_back_only_on_https(here: Context, wallet: Wallet) -> None:
    await service.save_link(here, await make_card(here, await make_shop(here)), here.clock.now())
    here.settings = dataclasses.replace(here.settings, url="http://127.0.0.1:8000")
    await service.save_link(here, await make_card(here, await make_shop(here, slug="leaf")), here.clock.now())
    asked = [body.get("callbackOptions") for body in wallet.bodies("POST loyaltyClass")]
    assert asked == [{"url": "https://cards.example.com/google/callback"}, None]
    row = await store.class_by_id(here.db, wallet.bodies("POST loyaltyClass")[0]["id"])
    assert row is not None and row.callback_at is None
