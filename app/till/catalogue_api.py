"""What a programme's rules name, through the API: rewards, promo codes, segments, products."""
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.benefits import promo, rewards
from app.benefits import rules as benefit_rules
from app.benefits import service as benefits
from app.benefits.rules import RewardWish, Terms
from app.errors import FieldError, Invalid
from app.segments import service as segments
from app.standing import service as standings
from app.text import N_
from app.till import asking, program_answers, program_shapes, shapes
from app.till.calls import KEY, PAGE, Call
from app.till.programs_api import program_of
from app.web.requests import context, principal, wanted_page
from app.web.routing import key

ONE_OF_BOTH = N_("Send the codes themselves as `codes`, or how many to draw as `count`.")
KEY_STAYS = N_("A reward keeps its key: rules and vouchers name it.")


# Rewards.
async def list_rewards(request: Request) -> Response:
    """GET /programs/{id}/rewards: in the catalogue's order, closed ones too."""
    here, program, limit = context(request), await program_of(request, is_read=True), wanted_page(request)["limit"]
    found = await rewards.list_rewards(here.db, program.business_id, program.id, open_only=False)
    if after := asking.after(request, "reward"):
        at = next((number for number, one in enumerate(found) if one.id == after), None)
        if at is None:
            raise asking.wrong_cursor()
        found = found[at + 1:]
    cursor = here.ids.encode("reward", found[limit - 1].id) if len(found) > limit else None
    return asking.answered(program_shapes.RewardList([program_answers.reward(here, one) for one in found[:limit]], cursor))


async def create_reward(request: Request) -> Response:
    """POST /programs/{id}/rewards"""
    here, who, program = context(request), principal(request), await program_of(request)
    asked = await asking.asked(request, program_shapes.RewardBody)

    async def act() -> dict[str, Any]:
        made = await rewards.create_reward(here.db, who, program.id, _wish(asked.body), here.clock.now())
        return {"reward": made.key}

    kept = await asking.once(request, asked, act)
    made = await rewards.get_reward(here.db, who.business_id, program.id, kept["reward"])
    return asking.answered(program_answers.reward(here, made), 201, asked.key)


async def change_reward(request: Request) -> Response:
    """PUT /programs/{id}/rewards/{reward}"""
    here, who, program, now = context(request), principal(request), await program_of(request), context(request).clock.now()
    before = await benefits.reward_by_id(here.db, who.business_id, program.id,
                                         asking.id_of(request, "reward", request.path_params["reward"]))
    body: program_shapes.RewardChange = (await asking.asked(request, program_shapes.RewardChange)).body
    if body.key != before.key:
        raise Invalid(fields=[FieldError("key", "key_stays", KEY_STAYS)])
    await rewards.change_reward(here.db, who, program.id, _wish(body), now, stock_was=body.stock_was)
    await rewards.close_reward(here.db, who, program.id, body.key, now, closed=body.closed)
    made = await rewards.get_reward(here.db, who.business_id, program.id, body.key)
    return asking.answered(program_answers.reward(here, made))


def _wish(body: program_shapes.RewardBody) -> RewardWish:
    return RewardWish(body.key, body.kind, body.name, body.unit, body.cost, body.value, body.sku, body.days, body.level, body.stock,
                      body.position)


# Promo codes.
async def list_batches(request: Request) -> Response:
    """GET /programs/{id}/promo-batches: newest first."""
    here, program, now = context(request), await program_of(request), context(request).clock.now()
    found = await promo.list_batches(here.db, program.business_id, program.id)
    shown, cursor = asking.paged(request, found, lambda one: one.key)
    return asking.answered(program_shapes.BatchList([program_answers.batch(one, now) for one in shown], cursor))


async def create_batch(request: Request) -> Response:
    """POST /programs/{id}/promo-batches"""
    here, who, program, now = context(request), principal(request), await program_of(request), context(request).clock.now()
    asked = await asking.asked(request, program_shapes.BatchBody)
    body: program_shapes.BatchBody = asked.body
    if bool(body.codes) == (body.count is not None):
        raise Invalid(fields=[FieldError("codes", "required", ONE_OF_BOTH)])
    codes = benefit_rules.typed_codes("\n".join(body.codes)) if body.count is None else promo.draw(body.count, body.length)
    terms = Terms(body.key, body.name, body.kind, body.reward, body.uses, body.per_person, body.total, body.starts_on, body.ends_on)

    async def act() -> dict[str, Any]:
        return {"batch": (await promo.create_batch(here.db, who, program.id, terms, codes, now, count=body.count)).key}

    kept = await asking.once(request, asked, act)
    made = await promo.get_batch(here.db, who.business_id, program.id, kept["batch"])
    return asking.answered(program_answers.batch(made, now), 201, asked.key)


async def list_codes(request: Request) -> Response:
    """GET /programs/{id}/promo-batches/{batch}/codes"""
    here, program, limit = context(request), await program_of(request), wanted_page(request)["limit"]
    batch = await promo.get_batch(here.db, program.business_id, program.id, request.path_params["batch"])
    found = await promo.codes_after(here.db, batch, asking.after(request, "promo_code"), limit + 1)
    cursor = here.ids.encode("promo_code", found[limit - 1][0]) if len(found) > limit else None
    return asking.answered(program_shapes.CodeList([program_shapes.Code(code, used) for _, code, used in found[:limit]], cursor))


async def close_batch(request: Request) -> Response:
    """POST /programs/{id}/promo-batches/{batch}/close; a second time changes nothing."""
    here, who, program, now = context(request), principal(request), await program_of(request), context(request).clock.now()
    asked = await asking.asked(request, shapes.Nothing)

    async def act() -> dict[str, Any]:
        await promo.close_batch(here.db, who, program.id, request.path_params["batch"], now)
        return {}

    await asking.once(request, asked, act)
    made = await promo.get_batch(here.db, who.business_id, program.id, request.path_params["batch"])
    return asking.answered(program_answers.batch(made, now), 200, asked.key)


# Segments.
async def list_segments(request: Request) -> Response:
    """GET /segments: the open ones, by name."""
    here = context(request)
    found, cursor = asking.paged(request, await segments.list_segments(here.db, principal(request).business_id), lambda one: one.key)
    return asking.answered(program_shapes.SegmentList([program_answers.segment(here, one) for one in found], cursor))


async def create_segment(request: Request) -> Response:
    """POST /segments"""
    here, who, asked = context(request), principal(request), await asking.asked(request, program_shapes.SegmentBody)

    program_answers.check_numbers(msgspec.to_builtins(asked.body.filter), "filter")

    async def act() -> dict[str, Any]:
        try:
            wanted = program_answers.filter_in(here, asked.body.filter)
            made = await segments.create(here.db, who, asked.body.key, asked.body.name, wanted, here.clock.now())
        except Invalid as failure:
            failure.fields = tuple(FieldError(wrong.field if wrong.field in ("key", "name", "filter") else f"filter.{wrong.field}",
                                              wrong.code, wrong.detail) for wrong in failure.fields)
            raise
        return {"segment": made.key}

    kept = await asking.once(request, asked, act)
    return await _segment(request, kept["segment"], 201, asked)


async def get_segment(request: Request) -> Response:
    """GET /segments/{segment}: with how many are in it now."""
    return await _segment(request, request.path_params["segment"])


async def _segment(request: Request, key_: str, status: int = 200, asked: asking.Asked | None = None) -> Response:
    here, business_id = context(request), principal(request).business_id
    found = await segments.get(here.db, business_id, key_)
    async with here.db.transaction(readonly=True) as report:
        count = await segments.count(report, business_id, found.filter, here.clock.now())
    return asking.answered(program_answers.segment(here, found, count), status, asked.key if asked else None)


async def close_segment(request: Request) -> Response:
    """POST /segments/{segment}/close: nobody is in it from now on."""
    here, who, key_ = context(request), principal(request), request.path_params["segment"]
    asked = await asking.asked(request, shapes.Nothing)

    async def act() -> dict[str, Any]:
        found = await segments.get(here.db, who.business_id, key_)
        await segments.close(here.db, who, key_, here.clock.now())
        return msgspec.to_builtins(program_answers.segment(here, found, 0))

    kept = await asking.once(request, asked, act)
    return asking.answered(msgspec.convert(kept, program_shapes.Segment), 200, asked.key)


# Products.
async def list_products(request: Request) -> Response:
    """GET /products: by their numbers, as tills sold them or a manager wrote them."""
    here, who, page = context(request), principal(request), wanted_page(request)
    found = await standings.list_products(here.db, who.business_id, after=page["cursor"] or "", limit=page["limit"] + 1)
    shown = found[:page["limit"]]
    cursor = shown[-1].sku if len(found) > len(shown) else None
    return asking.answered(program_shapes.ProductList([program_answers.product(one) for one in shown], cursor))


async def set_product(request: Request) -> Response:
    """PUT /products: one product, new or changed."""
    here, who = context(request), principal(request)
    body: program_shapes.ProductBody = (await asking.asked(request, program_shapes.ProductBody)).body
    await standings.set_product(here.db, who, body.sku, body.name, body.category, body.can_be_favourite, here.clock.now())
    return asking.answered(program_shapes.Product(body.sku.strip(), body.name.strip(), body.category, body.can_be_favourite))


_READ, _ADMIN = key("cards:read"), key("admin")
_TAG = "Programmes"


def _of(method: str, path: str, name: str, endpoint: object, summary: str, answer: type[msgspec.Struct],
        body: type[msgspec.Struct] | None = None, who: object = None, **more: Any) -> Call:
    who = who or (_READ if method == "GET" else _ADMIN)
    kind = "program" if path.startswith("/programs/") else ""
    return Call(method, path, f"api:{name}", endpoint, who, _TAG, summary, answer, body=body, kind=kind, **more)  # type: ignore[arg-type]


_REWARDS, _BATCHES = "/programs/{id}/rewards", "/programs/{id}/promo-batches"

CALLS = (
    _of("GET", _REWARDS, "list_rewards", list_rewards, "The catalogue", program_shapes.RewardList, query=PAGE),
    _of("POST", _REWARDS, "create_reward", create_reward, "A new reward", program_shapes.Reward, program_shapes.RewardBody, status=201,
        key=KEY, refusals=("key_taken",)),
    _of("PUT", _REWARDS + "/{reward}", "change_reward", change_reward, "The reward as it shall be", program_shapes.Reward,
        program_shapes.RewardChange, refusals=("stock_moved",)),
    _of("GET", _BATCHES, "list_batches", list_batches, "The batches of promo codes, newest first", program_shapes.BatchList, query=PAGE,
        who=_ADMIN),
    _of("POST", _BATCHES, "create_batch", create_batch, "Promo codes or coupons, typed or drawn", program_shapes.Batch,
        program_shapes.BatchBody, status=201, key=KEY, refusals=("key_taken", "promo_codes_taken")),
    _of("GET", _BATCHES + "/{batch}/codes", "list_codes", list_codes, "The codes of a batch", program_shapes.CodeList, query=PAGE,
        who=_ADMIN),
    _of("POST", _BATCHES + "/{batch}/close", "close_batch", close_batch, "Its codes end now", program_shapes.Batch, shapes.Nothing,
        key=KEY),
    _of("GET", "/segments", "list_segments", list_segments, "Groups of customers that rules may name", program_shapes.SegmentList,
        query=PAGE),
    _of("POST", "/segments", "create_segment", create_segment, "A new group", program_shapes.Segment, program_shapes.SegmentBody,
        status=201, key=KEY, refusals=("segment_taken",)),
    _of("GET", "/segments/{segment}", "get_segment", get_segment, "A group, and how many are in it now", program_shapes.Segment),
    _of("POST", "/segments/{segment}/close", "close_segment", close_segment, "Nobody is in it from now on", program_shapes.Segment,
        shapes.Nothing, key=KEY),
    _of("GET", "/products", "list_products", list_products, "Products as tills named them", program_shapes.ProductList, query=PAGE),
    _of("PUT", "/products", "set_product", set_product, "A product's name, and whether it can be a favourite", program_shapes.Product,
        program_shapes.ProductBody),
)
