"""What a cashier typed and pressed, read as the till's acts ask for it; and what is refused, said beside the field it is about."""
from collections.abc import Callable, Mapping
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request

from app import errors, secrets
from app.benefits import service as benefits
from app.cards.service import Card
from app.context import Context
from app.idempotency.rules import Key, fingerprint
from app.money import MAX_POINTS, parse_major
from app.programs.store import Program
from app.sales.rules import SaleRequest
from app.text import N_
from app.web import i18n
from app.web.forms import text_field
from app.web.requests import language

FIELDS = ("amount", "price", "points", "promo", "receipt", "tender", "visits", "load", "giver", "words")
SHOWN_AT = {"amount": "amount", "points": "points", "redeem.points": "points", "phone": "phone", "promo_code": "promo",
            "receipt": "receipt", "visits": "visits", "load": "load", "lines": "price", "name": "giver", "words": "words",
            "email": "email", "code": "code", "terms": "terms"}
DEARER = N_("The product cannot cost more than the receipt.")
ONE_PRODUCT = N_("Choose the one product that this price is of, or leave the field empty.")
ONE_EACH = N_("A voucher becomes one reward: choose one of them.")


def texts_of(form: FormData) -> dict[str, str]:
    """The fields as they were typed, so that nothing is lost when the page comes back."""
    return {name: text_field(form, name, 400) for name in FIELDS}


def uses_of(form: FormData) -> list[str]:
    """The chips that were pressed in."""
    return [value for value in form.getlist("use") if isinstance(value, str)]


async def wish_of(here: Context, program: Program, card: Card, act: str, typed: Mapping[str, str], uses: list[str], *,
                  expect: str = "", confirmed: bool = False) -> SaleRequest:
    """The purchase that a form describes. act: redeem, to spend as well, or anything else. Raises Invalid and NotFound."""
    vouchers, catalogue = await _used(here, program, uses)
    amount = parse_major(typed["amount"], program.currency)
    return SaleRequest(
        card.id, amount, lines=await _lines(here, program, vouchers, catalogue, typed["price"], amount),
        redeem=_points(typed["points"], program) if act == "redeem" else 0,
        receipt=typed["receipt"] or None, expect_to_pay=int(expect) if expect.isascii() and expect.isdigit() and len(expect) < 14 else None,
        promo_code=typed["promo"] or None, vouchers=vouchers, catalogue=catalogue, tenders=(typed["tender"],) if typed["tender"] else (),
        confirmed=confirmed)


async def _lines(here: Context, program: Program, vouchers: list[tuple[int, str | None]], catalogue: list[str], text: str,
                 amount: int) -> list[dict[str, Any]]:
    """The one line that a product which becomes free needs: with the price that was typed for it, under the product's number.

    Several products at once are taken off by hand: which of them the price was would be a guess. Raises Invalid (field price).
    """
    if not text:
        return []
    price = within("price", lambda: parse_major(text, program.currency))
    if price > amount:
        raise errors.Invalid(fields=[errors.FieldError("price", "price", DEARER)])
    chosen = {*catalogue, *(key for _, key in vouchers if key)}
    rewards = await benefits.list_rewards(here.db, program.business_id, program.id, open_only=False)
    goods = [each for each in rewards if each.key in chosen and each.kind == "product" and each.sku]
    if len(goods) != 1:
        raise errors.Invalid(fields=[errors.FieldError("price", "price", ONE_PRODUCT)])
    return [{"amount": price, "sku": goods[0].sku, "name": goods[0].names.in_(program.language), "quantity": 1}]


def _points(text: str, program: Program) -> int | None:
    """How much of the programme's unit to spend; None, the most allowed, for an empty field."""
    if not text:
        return None
    if program.rules.unit == "money":
        return within("points", lambda: parse_major(text, program.currency))
    plain = "".join(text.split())
    if not (plain.isascii() and plain.isdigit() and 0 < int(plain[:20]) <= MAX_POINTS):
        raise errors.Invalid(fields=[errors.FieldError(
            "points", "integer", N_("Type a whole number of points, or leave the field empty."))])
    return int(plain)


def within(field: str, read: Callable[[], int]) -> int:
    """What `read` gives; its refusal stands at `field`."""
    try:
        return read()
    except errors.Invalid as refused:
        raise errors.Invalid(fields=[errors.FieldError(field, code, sentence) for _, code, sentence in refused.fields]) from refused


async def _used(here: Context, program: Program, uses: list[str]) -> tuple[list[tuple[int, str | None]], list[str]]:
    """(vouchers with the reward chosen, keys of the catalogue) of the pressed chips. Raises NotFound for what is none."""
    vouchers: dict[int, str | None] = {}
    bought: list[int] = []
    for use in uses:
        name, _, key = use.partition("/")
        if (voucher_id := here.ids.decode("voucher", name)) is not None:
            if voucher_id in vouchers:
                raise errors.Invalid(ONE_EACH)
            vouchers[voucher_id] = key or None
        else:
            bought.append(here.ids.decode("reward", name) or 0)
    keys = {each.id: each.key for each in await benefits.list_rewards(here.db, program.business_id, program.id)} if bought else {}
    if not all(each in keys for each in bought):
        raise errors.NotFound()
    return list(vouchers.items()), [keys[each] for each in bought]


def count_of(text: str) -> int:
    """A small whole number; anything else is 0, which every act refuses with its own sentence."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0


def key_of(request: Request, form: FormData, *parts: str) -> Key | None:
    """The form's key: a second press of the same button is the same act."""
    text = text_field(form, "key", 64)
    if not secrets.is_token(text, 22):
        return None
    return Key("till-" + text, fingerprint("POST", request.url.path, "\n".join(parts).encode()))


def said(request: Request, refused: errors.TesseraError) -> str:
    return i18n.translate(language(request), refused.detail, **refused.params)


def wrong_of(request: Request, refused: errors.TesseraError, *own: str) -> dict[str, str]:
    """Sentences by field; what concerns no field of ours stands on top of the form. own: further fields that this form has."""
    if not refused.fields:
        return {"": said(request, refused)}
    return {field if field in own else SHOWN_AT.get(field, ""): i18n.translate(language(request), sentence, **refused.params)
            for field, _, sentence in refused.fields}
