"""One row: what it asks, through the public API, and what came of it."""
from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from app.commands.dropping import rules
from app.commands.dropping.rules import Row, Wrong
from app.commands.dropping.server import Refusal, Server
from app.commands.dropping.words import say
from app.money import minor_digits

Result = dict[str, Any]


class Shop:
    """What the connector knows of the business behind the key: its currency and programmes, asked for once. zone: of the till's clock."""

    def __init__(self, server: Server, language: str, zone: tzinfo) -> None:
        self.server, self.language, self.zone = server, language, zone
        self._digits: int | None = None
        self._programs: list[dict[str, Any]] | None = None

    async def digits(self) -> int:
        """How many digits the currency has after the comma."""
        if self._digits is None:
            me = await self.server.get("/me")
            self._digits = minor_digits(str(me["business"]["currency"]))
        return self._digits

    async def program(self, wanted: str) -> str:
        """The id of the open programme that a row names by id, name or address; of the only one where it names none. Raises Wrong."""
        if self._programs is None:
            self._programs = [each for each in (await self.server.get("/programs", limit="200"))["items"] if each["closed_at"] is None]
        # Members of a coalition see each other's programmes, whose addresses may be the same word.
        found = [] if wanted else self._programs
        for name in ("id", "name", "slug"):
            found = found or [each for each in self._programs if each[name] == wanted]
        if len(found) == 1:
            return str(found[0]["id"])
        self._programs = None       # it may have been opened since
        raise Wrong("several_programs" if found else "no_program", wanted)


async def do(shop: Shop, file: str, row: Row, delimiter: str) -> Result:
    """What the row asks for; a refusal, ours or the server's, is a result. Raises Away."""
    told: Result = {"row": row.number, "action": row.values.get("action", ""), "status": rules.OK}
    try:
        action = rules.action_of(row)
        told["action"] = action
        return {**told, **await _ACTS[action](shop, row, row.key(file), delimiter)}
    except Wrong as wrong:
        return {**told, "status": rules.REFUSED, "code": wrong.code, "error": say(wrong.code, shop.language, what=wrong.what)}
    except Refusal as refusal:
        return {**told, "status": rules.REFUSED, "code": refusal.code, "error": refusal.detail}


async def _sale(shop: Shop, row: Row, key: str, delimiter: str) -> Result:
    body = rules.sale_body(row, await shop.digits(), shop.zone)
    if "receipt" in row.values:
        body["receipt"] = row.values["receipt"]
    return await _of_operation(shop, (await shop.server.post("/sales", body, key)).data, delimiter)


async def _quote(shop: Shop, row: Row, key: str, delimiter: str) -> Result:
    drawn = (await shop.server.post("/sales/quote", rules.sale_body(row, await shop.digits(), shop.zone))).data
    sums = {name: rules.shown(drawn[name], await shop.digits(), delimiter) for name in ("amount", "discount", "to_pay")}
    return {**_of_card(drawn["card"]), **sums, "earned": drawn["to_earn"]["points"] or drawn["to_earn"]["stamps"],
            "hints": " | ".join(drawn["hints"])}


async def _visit(shop: Shop, row: Row, key: str, delimiter: str) -> Result:
    card = await _card(shop, rules.needed(row, "card", "phone"))
    body: dict[str, Any] = {"count": rules.whole(row.values.get("count", "1"))}
    if "location" in row.values:
        body["location"] = row.values["location"]
    if "at" in row.values:
        body["at"] = rules.moment(row.values["at"], shop.zone)
    made = (await shop.server.post(f"/cards/{card['id']}/visits", body, key)).data
    return await _of_operation(shop, made, delimiter)


async def _enrol(shop: Shop, row: Row, key: str, delimiter: str) -> Result:
    body: dict[str, Any] = {"program": await shop.program(row.values.get("program", "")), "phone": rules.needed(row, "phone")}
    for column in ("name", "language", "location"):
        if column in row.values:
            body[column] = row.values[column]
    made = (await shop.server.post("/enrolments", body, key)).data
    told: Result = {"code": made["status"]}
    return {**told, **await _by_id(shop, made["card"])} if made.get("card") else told


async def _refund(shop: Shop, row: Row, key: str, delimiter: str) -> Result:
    sale = await _sale_of(shop, rules.needed(row, "of"), row)
    body: dict[str, Any] = {"rest": True}
    if "amount" in row.values:
        body = {"amount": rules.minor(row.values["amount"], await shop.digits())}
    for column in ("receipt", "location"):
        if column in row.values:
            body[column] = row.values[column]
    return await _of_operation(shop, (await shop.server.post(f"/sales/{sale}/refunds", body, key)).data, delimiter)


async def _balance(shop: Shop, row: Row, key: str, delimiter: str) -> Result:
    return _of_card(await _card(shop, rules.needed(row, "card", "phone")))


_ACTS = {"sale": _sale, "stamp": _sale, "visit": _visit, "enrol": _enrol, "refund": _refund, "quote": _quote, "balance": _balance}


async def _card(shop: Shop, code: str) -> dict[str, Any]:
    """The one card that a till's text means. Raises Wrong."""
    found = (await shop.server.get("/cards", code=code))["items"]
    if len(found) != 1:
        raise Wrong("several_cards" if found else "no_card")
    card: dict[str, Any] = found[0]
    return card


async def _sale_of(shop: Shop, receipt: str, row: Row) -> str:
    """The id of the sale with this receipt; where several shops or days have it, the card decides. Raises Wrong."""
    query = {"receipt": receipt}
    if "card" in row.values or "phone" in row.values:
        query["card"] = (await _card(shop, rules.needed(row, "card", "phone")))["id"]
    found = [each for each in (await shop.server.get("/operations", **query))["items"] if each["kind"] == "sale"]
    if len(found) != 1:
        raise Wrong("several_sales" if found else "no_sale")
    return str(found[0]["id"])


async def _by_id(shop: Shop, card_id: str) -> Result:
    return _of_card(await shop.server.get(f"/cards/{card_id}"))


async def _of_operation(shop: Shop, made: Mapping[str, Any], delimiter: str) -> Result:
    digits = await shop.digits()
    sums = {name: rules.shown(made[name], digits, delimiter) for name in ("amount", "discount", "to_pay", "pay_back")
            if made.get(name) is not None}
    moved = [change for change in made["changes"] if change["unit"] in ("points", "stamps", "visits", "money")]
    return {**await _by_id(shop, made["card"]), **sums, "operation": made["id"], "receipt": made.get("receipt") or "",
            "earned": sum(change["amount"] for change in moved if change["amount"] > 0),
            "redeemed": -sum(change["amount"] for change in moved if change["amount"] < 0),
            **_balances(made["balances"])}


def _of_card(card: Mapping[str, Any]) -> Result:
    return {"card": card["id"], "number": card["number"], **_balances(card["balances"]), "hints": " | ".join(card["hints"])}


def _balances(held: Mapping[str, int]) -> Result:
    return {unit: held[unit] for unit in ("points", "stamps", "visits", "money") if unit in held}
