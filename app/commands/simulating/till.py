"""One till: what its cashier does with a shopper's card, each act reckoned after. Differences are gathered, never raised."""
import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from app.commands.simulating import books
from app.commands.simulating.books import Json
from app.commands.simulating.line import Answer, Line

GOODS = (("espresso", 15_000), ("filter coffee", 19_000), ("croissant", 14_500), ("cheesecake", 32_000), ("beans 250 g", 89_000))


@dataclass
class Shopper:
    """A card that this till made, and the phone that it was made with."""

    card: Json
    e164: str
    program: Json


@dataclass
class Till:
    """name: also the begin of its receipts and keys; done: acts by name; wrong: sentences."""

    name: str
    line: Line
    dice: random.Random
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    count: int = 0

    def note(self, act: str, sentences: list[str]) -> None:
        self.done[act] += 1
        self.wrong += [f"{self.name}, {act}: {sentence}" for sentence in sentences]

    def token(self) -> str:
        """A receipt's number and a key that nobody else has."""
        self.count += 1
        return f"{self.name}-{self.count}"

    def receipt(self, **more: Any) -> dict[str, Any]:
        """A basket with its lines and number."""
        lines = [{"sku": name.split()[0], "name": name, "quantity": quantity, "amount": price * quantity}
                 for name, price in self.dice.sample(GOODS, self.dice.randint(1, 3)) for quantity in [self.dice.randint(1, 2)]]
        return {"amount": sum(line["amount"] for line in lines), "lines": lines, "receipt": self.token(), **more}

    async def card(self, shopper: Shopper) -> Json:
        answer: Json = (await self.line.get(f"/cards/{shopper.card['id']}")).data
        return answer

    async def held(self, shopper: Shopper) -> dict[str, int]:
        return books.held(await self.card(shopper))

    async def quote(self, shopper: Shopper, basket: Json) -> Json:
        """What a sale of the basket would be; its receipt's number is of no concern."""
        asked = {name: value for name, value in basket.items() if name != "receipt"}
        answer = await self.line.post("/sales/quote", {**asked, "card": shopper.card["id"]})
        return answer.data if answer.status == 200 else {}

    async def sell(self, shopper: Shopper, **more: Any) -> tuple[dict[str, Any], Answer]:
        """(body, answer) of a sale of a new basket, with its receipt as the key."""
        body = {**self.receipt(**more), "card": shopper.card["id"]}
        return body, await self.line.post("/sales", body, body["receipt"])


def refused(what: str, answer: Answer, status: int, *codes: str) -> list[str]:
    """Whether an answer is the refusal that it must be."""
    if answer.status == status and answer.code in codes and answer.data.get("detail"):
        return []
    return [f"{what} must be {status} {' or '.join(codes)}, and was {answer.status} {answer.code}"]


async def enrol(till: Till, program: Json, e164: str) -> Shopper | None:
    """A new shopper with a phone, and the same phone once more."""
    body = {"program": program["id"], "customer": {"phone": e164, "name": "Simulated shopper"}, "consent": {"terms": True}}
    made = await till.line.post("/cards", body, till.token())
    if made.status != 201:
        till.note("enrol", [f"a new card of {program['slug']} must be 201, and was {made.status} {made.code}"])
        return None
    again = await till.line.post("/cards", body, till.token())
    till.note("enrol", [*refused("a second card of one phone", again, 409, "already_member"),
                        *books.differs("status of the new card", "active", made.data["status"])])
    return Shopper(made.data, e164, program)


async def search(till: Till, shopper: Shopper) -> None:
    """By every spelling; and a torn scan finds nobody."""
    wrong = []
    for name, text in books.spellings(shopper.card, shopper.e164).items():
        found = await till.line.get("/cards", code=text)
        if shopper.card["id"] not in [card["id"] for card in found.data.get("items", ())]:
            wrong.append(f"the {name} does not find the card ({found.status})")
    for text in (books.torn(shopper.card["code"]), books.torn(shopper.card["number"])):
        found = await till.line.get("/cards", code=text)
        wrong += books.differs("cards found by a torn scan", [], [card["id"] for card in found.data.get("items", ())])
    till.note("search", wrong)


async def sale(till: Till, shopper: Shopper) -> None:
    """Quote, sale, the same sale again, the same key for another, no key, the same receipt."""
    before, basket = await till.held(shopper), till.receipt()
    quote = await till.quote(shopper, basket)
    if not quote:
        till.note("sale", ["there was no quote"])
        return
    wrong = books.of_quote(quote, basket["amount"])
    wrong += books.differs("what is on the card after a quote", before, await till.held(shopper))
    body = {**basket, "card": shopper.card["id"], "expect": {"to_pay": quote["to_pay"]}}
    sold = await till.line.post("/sales", body, basket["receipt"])
    if sold.status != 201:
        till.note("sale", [*wrong, f"a sale as quoted must be 201, and was {sold.status} {sold.code}"])
        return
    after = await till.held(shopper)
    wrong += books.of_sale(sold.data, quote, before, after)
    again = await till.line.post("/sales", body, basket["receipt"])
    wrong += books.same("the repeated sale", sold.data, again.data)
    wrong += [] if again.is_replay else ["a repeated sale does not say that it is one"]
    other = await till.line.post("/sales", {**body, "amount": body["amount"] + 100, "lines": []}, basket["receipt"])
    wrong += refused("another sale with the same key", other, 422, "idempotency_key_reused")
    wrong += refused("a sale without a key", await till.line.post("/sales", body), 400, "idempotency_key_required")
    twice = await till.line.post("/sales", {**body, "expect": None}, till.token())
    wrong += refused("the same receipt once more", twice, 409, "receipt_already_used")
    wrong += books.differs("what is on the card after refusals", after, await till.held(shopper))
    told = await till.line.get("/operations", receipt=basket["receipt"])
    wrong += books.differs("sales found by the receipt", [sold.data["id"]], [each["id"] for each in told.data.get("items", ())])
    till.note("sale", wrong)


async def redeem(till: Till, shopper: Shopper) -> None:
    """Pays with points where there are some; too many, and a total that no longer holds, are refused."""
    before, basket = await till.held(shopper), till.receipt()
    quote = await till.quote(shopper, basket)
    points = min(quote.get("redeemable", {}).get("points", 0), before.get("points", 0))
    if points < 1:
        return
    basket["redeem"] = {"points": points}
    quote = await till.quote(shopper, basket)
    if not quote:
        till.note("redeem", [f"{points} points can be redeemed, and a quote with them is refused"])
        return
    body = {**basket, "card": shopper.card["id"]}
    moved = await till.line.post("/sales", {**body, "receipt": till.token(), "expect": {"to_pay": quote["to_pay"] + 1}}, till.token())
    wrong = refused("a sale with another total than the till's", moved, 409, "quote_changed")
    body["redeem"] = {"points": before["points"] + 1_000_000}
    much = await till.line.post("/sales", {**body, "receipt": till.token()}, till.token())
    body["redeem"] = {"points": points}
    wrong += [] if much.status in (409, 422) else [f"more points than there are must be refused, and was {much.status}"]
    wrong += books.differs("what is on the card after refusals", before, await till.held(shopper))
    paid = await till.line.post("/sales", body, basket["receipt"])
    if paid.status != 201:
        till.note("redeem", [*wrong, f"a sale paid with points must be 201, and was {paid.status} {paid.code}"])
        return
    spent = -sum(change["amount"] for change in paid.data["changes"] if change["unit"] == "points" and change["why"] == "redeemed")
    wrong += books.differs("points taken", points, spent)
    till.note("redeem", [*wrong, *books.of_sale(paid.data, quote, before, await till.held(shopper))])


async def refund(till: Till, shopper: Shopper) -> None:
    """A sale given back in two parts: together they are the whole."""
    before = await till.held(shopper)
    _, sold = await till.sell(shopper)
    if sold.status != 201:
        till.note("refund", [f"a sale must be 201, and was {sold.status} {sold.code}"])
        return
    price, path = sold.data["amount"] - sold.data["discount"], f"/sales/{sold.data['id']}/refunds"
    parts = [await till.line.post(path, {"amount": amount}, till.token()) for amount in (price // 3, price - price // 3) if amount]
    wrong = [f"a refund must be 201, and was {part.status} {part.code}" for part in parts if part.status != 201]
    if not wrong:
        wrong += books.differs("money handed back in parts", sold.data["to_pay"], sum(part.data["pay_back"] for part in parts))
        if not any(part.data["shortfall"] for part in parts):
            wrong += books.differs("what is on the card after all was given back", before, await till.held(shopper))
        wrong += refused("a refund of more than was sold", await till.line.post(path, {"amount": 1}, till.token()), 409,
                         "refund_exceeds_sale", "already_refunded")
    till.note("refund", wrong)


async def undo(till: Till, shopper: Shopper) -> None:
    """A mistake taken back; once."""
    before = await till.held(shopper)
    _, sold = await till.sell(shopper)
    if sold.status != 201:
        till.note("undo", [f"a sale must be 201, and was {sold.status} {sold.code}"])
        return
    path, key = f"/sales/{sold.data['id']}/undo", till.token()
    back = await till.line.post(path, {}, key)
    if back.status != 201:
        till.note("undo", [f"an undo must be 201, and was {back.status} {back.code}"])
        return
    wrong = books.differs("operation that was undone", sold.data["id"], back.data["of"])
    wrong += books.differs("what is on the card after the undo", before, await till.held(shopper))
    wrong += books.same("the repeated undo", back.data, (await till.line.post(path, {}, key)).data)
    wrong += refused("a second undo", await till.line.post(path, {}, till.token()), 409, "already_undone", "already_refunded")
    till.note("undo", wrong)


async def lost_answer(till: Till, shopper: Shopper) -> None:
    """The line breaks somewhere between the call and its answer; the till asks again with the same key, and twins ask at once."""
    before, basket = await till.held(shopper), till.receipt()
    body = {**basket, "card": shopper.card["id"]}
    await till.line.lose("/sales", body, basket["receipt"], till.dice.choice((0.001, 0.004, 0.01, 0.03)))
    answers = await asyncio.gather(*[till.line.post("/sales", body, basket["receipt"]) for _ in range(2)])
    told = [answer for answer in answers if answer.status == 201]
    wrong = [f"a repeated sale was {answer.status} {answer.code}" for answer in answers if answer.status not in (201, 409)]
    found = await till.line.get("/operations", receipt=basket["receipt"])
    kept = [each["id"] for each in found.data.get("items", ())]
    wrong += books.differs("sales of a receipt whose answer was lost", 1, len(kept))
    wrong += books.differs("what the till was told of it", set(kept), {answer.data["id"] for answer in told})
    if told:
        wrong += books.of_moves(told[0].data, before, await till.held(shopper))
    till.note("lost answer", wrong)


async def visit(till: Till, shopper: Shopper) -> None:
    """A visit without money, where the programme counts them."""
    if not shopper.program["rules"].get("visits"):
        return
    before, key = await till.held(shopper), till.token()
    path = f"/cards/{shopper.card['id']}/visits"
    made = await till.line.post(path, {"count": 1}, key)
    if made.status == 201:
        wrong = books.of_moves(made.data, before, await till.held(shopper))
        wrong += books.same("the repeated visit", made.data, (await till.line.post(path, {"count": 1}, key)).data)
    else:
        # A pass that is used up or not bought yet has no visit to give.
        wrong = [] if made.status == 409 else [f"a visit must be 201 or 409, and was {made.status} {made.code}"]
        wrong += books.differs("what is on the card after a refusal", before, await till.held(shopper))
    till.note("visit", wrong)


async def block(till: Till, shopper: Shopper) -> None:
    """A lost card earns nothing until it is found."""
    path = f"/cards/{shopper.card['id']}"
    await till.line.post(f"{path}/block", {}, till.token())
    _, sold = await till.sell(shopper)
    wrong = refused("a sale on a blocked card", sold, 409, "card_blocked")
    await till.line.post(f"{path}/unblock", {}, till.token())
    wrong += books.differs("status of the card that was found", "active", (await till.card(shopper)).get("status"))
    till.note("block", wrong)


async def close(till: Till, shopper: Shopper) -> None:
    """The end of the day: everything that was ever done with the card, added up, is what is on it."""
    operations, cursor = [], ""
    while True:
        page = await till.line.get(f"/cards/{shopper.card['id']}/operations", limit="100", **({"cursor": cursor} if cursor else {}))
        operations += page.data.get("items", [])
        cursor = page.data.get("next_cursor") or ""
        if not cursor:
            break
    what = f"what is on card {shopper.card['number']} in the end"
    till.note("close", books.differs(what, books.moved(operations), await till.held(shopper)))


ACTS: tuple[Callable[[Till, Shopper], Awaitable[None]], ...] = (search, sale, redeem, refund, undo, lost_answer, visit, block)
