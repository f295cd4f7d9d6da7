"""The catalogue of rewards: listed with what is left of them, added, changed, closed; codes for gifts that come piece by piece."""
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from app import errors
from app.benefits import rules as benefit_rules
from app.benefits import service as benefits
from app.benefits.rules import Reward, RewardWish
from app.console import frame
from app.console.founding import slug_of
from app.console.program import program_of
from app.console.program_fields import Typed, amount_text, share_text
from app.console.program_frame import switch_of
from app.errors import Invalid
from app.programs import words
from app.programs.store import Program
from app.programs.terms import Said
from app.text import N_
from app.web import formats, routing
from app.web.requests import context, language, principal

REWARDS = "/console/rewards"
KINDS = {"product": N_("a product of the receipt, free"), "service": N_("a service"), "delivery": N_("delivery"),
         "text": N_("something else (a ticket, a partner's code)"), "discount": N_("a share off a receipt"),
         "money_off": N_("an amount off a receipt")}
UNITS = {"": N_("it is not for sale, rules give it"), "points": N_("points"), "money": N_("money of the card"), "stamps": N_("stamps"),
         "visits": N_("visits")}
FIELDS = ("name_en", "name_ru", "kind", "value", "sku", "unit", "cost", "days", "level", "stock", "stock_was", "position")
DONE = {"added": N_("The reward is in the catalogue."), "kept": N_("Kept."), "closed": N_("It is not given any more. Vouchers stay good."),
        "opened": N_("It is given again."), "codes": N_("The codes are kept. Each is handed out once.")}


def address(request: Request, program: Program, *steps: str) -> str:
    """A page of this programme's catalogue."""
    return "/".join((REWARDS, *steps)) + f"?program={context(request).ids.encode('program', program.id)}"


async def rewards_page(request: Request) -> Response:
    """GET /console/rewards and /console/rewards/{reward}: the list, and a form for a new one or this one."""
    program = await program_of(request)
    word = DONE.get(request.query_params.get("done", ""))
    return await _rewards(request, program, await _chosen(request, program), done=frame.said(request, word) if word else "")


async def _chosen(request: Request, program: Program) -> Reward | None:
    if "reward" not in request.path_params:
        return None
    return await benefits.get_reward(context(request).db, program.business_id, program.id, request.path_params["reward"])


async def _rewards(request: Request, program: Program, chosen: Reward | None, typed: dict[str, str] | None = None, *, done: str = "",
                   wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    here, said = context(request), language(request)
    found = await benefits.list_rewards(here.db, program.business_id, program.id, open_only=False)
    waiting = await benefits.count_open(here.db, program.business_id, program.id)
    levels = program.rules.levels.levels if program.rules.levels else ()
    level_names = {each.key: each.name.in_(said) for each in levels}
    return await frame.page(request, "rewards", {
        "rewards": [_row(request, program, each, waiting.get(each.key, 0), level_names) for each in found],
        "editing": {"name": chosen.names.in_(said), "has_pieces": chosen.has_pieces, "stock": chosen.stock,
                    "takes_pieces": chosen.kind not in ("discount", "money_off"),
                    "pieces_action": address(request, program, chosen.key, "codes")} if chosen else None,
        "action": address(request, program, *([chosen.key] if chosen else [])), "list_url": address(request, program),
        "kinds": [(key, frame.said(request, word)) for key, word in KINDS.items()],
        "units": [(key, frame.said(request, word)) for key, word in UNITS.items()],
        "levels": [("", frame.said(request, N_("everybody"))), *level_names.items()] if levels else [],
        "program_name": program.name_in(said), "other_programs": await switch_of(request, program, REWARDS),
        "values": typed or _values(chosen, program)}, done=done, wrong=wrong, status=status)


def _row(request: Request, program: Program, reward: Reward, waiting: int, levels: dict[str, str]) -> dict[str, Any]:
    return {"name": reward.names.in_(language(request)), "kind": frame.said(request, KINDS[reward.kind]),
            "worth": _worth(reward, program, request), "cost": _cost(reward, program, request), "stock": reward.stock,
            "waiting": waiting, "is_closed": reward.is_closed, "level": levels.get(reward.level or "", ""),
            "edit_url": address(request, program, reward.key),
            "toggle_action": address(request, program, reward.key, "open" if reward.is_closed else "close")}


def _worth(reward: Reward, program: Program, request: Request) -> str:
    """What a discount takes off; nothing for what is handed over."""
    if reward.kind == "discount":
        return words.percent(reward.value, language(request))
    return words.money(reward.value, program.currency, language(request)) if reward.kind == "money_off" else ""


def _cost(reward: Reward, program: Program, request: Request) -> str:
    said = language(request)
    if reward.unit == "points":
        return words.points(reward.cost, said)
    if reward.unit == "money":
        return words.money(reward.cost, program.currency, said)
    return f"{formats.points(reward.cost)} {frame.said(request, UNITS[reward.unit])}" if reward.unit else ""


def _values(chosen: Reward | None, program: Program) -> dict[str, str]:
    """What stands in the form at first."""
    if chosen is None:
        return dict.fromkeys(FIELDS, "") | {"kind": "service", "unit": "points", "days": "30"}
    stock = "" if chosen.stock is None else str(chosen.stock)
    worth = share_text(chosen.value) if chosen.kind == "discount" else amount_text(chosen.value, program.currency)
    cost = amount_text(chosen.cost, program.currency) if chosen.unit == "money" else str(chosen.cost)
    return {"name_en": chosen.names.en, "name_ru": chosen.names.ru, "kind": chosen.kind, "value": worth if chosen.value else "",
            "sku": chosen.sku or "", "unit": chosen.unit or "", "cost": cost if chosen.unit else "", "days": str(chosen.days),
            "level": chosen.level or "", "stock": stock, "stock_was": stock, "position": str(chosen.position or "")}


async def keep_reward(request: Request) -> Response:
    """POST /console/rewards (a new one) and /console/rewards/{reward}."""
    here, who, form = context(request), principal(request), await frame.form_of(request)
    program = await program_of(request)
    chosen, typed = await _chosen(request, program), frame.texts(form, *FIELDS)
    try:
        wish = _wish(typed, program, chosen)
        if chosen is None:
            await benefits.create_reward(here.db, who, program.id, wish, here.clock.now())
        else:
            was = Typed(typed, program.currency).whole_or_none("stock_was")
            await benefits.change_reward(here.db, who, program.id, wish, here.clock.now(), stock_was=was)
    except (Invalid, errors.Refused) as refused:
        return await _rewards(request, program, chosen, typed, wrong=frame.sentences_of(request, refused), status=frame.status_for(refused))
    return frame.to(f"{address(request, program)}&done={'kept' if chosen else 'added'}")


def _wish(values: dict[str, str], program: Program, chosen: Reward | None) -> RewardWish:
    """What was typed as a wish. Raises Invalid for what is no number."""
    typed = Typed(values, program.currency)
    unit = typed.choice("unit", tuple(UNITS)) or None
    cost = 0 if unit is None else typed.amount("cost") if unit == "money" else typed.whole("cost")
    value = typed.share("value") if values["kind"] == "discount" else typed.amount_or_none("value") or 0
    wish = RewardWish(chosen.key if chosen else slug_of(values["name_en"] or values["name_ru"]), values["kind"],
                      Said(values["name_en"], values["name_ru"]), unit, cost, value, values["sku"] or None, typed.whole("days"),
                      values["level"] or None, typed.whole_or_none("stock"), typed.whole_or_none("position") or 0)
    typed.done()
    return wish


async def toggle(request: Request) -> Response:
    """POST /console/rewards/{reward}/{act}: closed, or open again."""
    here, act, key = context(request), request.path_params["act"], request.path_params["reward"]
    await frame.form_of(request)
    if act not in ("open", "close"):
        raise errors.NotFound()
    program = await program_of(request)
    await benefits.close_reward(here.db, principal(request), program.id, key, here.clock.now(), closed=act == "close")
    return frame.to(f"{address(request, program)}&done={'closed' if act == 'close' else 'opened'}")


async def add_codes(request: Request) -> Response:
    """POST /console/rewards/{reward}/codes: texts that are handed out once each; they are never shown here again."""
    here, form = context(request), await frame.form_of(request)
    program = await program_of(request)
    chosen = await _chosen(request, program)
    assert chosen is not None
    try:
        texts = benefit_rules.pieces(frame.texts(form, "pieces")["pieces"])
        await benefits.add_pieces(here.db, here.ring, principal(request), program.id, chosen.key, texts, here.clock.now())
    except Invalid as refused:
        return await _rewards(request, program, chosen, wrong=frame.sentences_of(request, refused), status=422)
    return frame.to(f"{address(request, program)}&done=codes")


routes = [
    routing.route(REWARDS, rewards_page, who=frame.PROGRAM_READ, name="console:rewards"),
    routing.route(REWARDS, keep_reward, who=frame.PROGRAM, name="console:add_reward", methods=["POST"]),
    routing.route(REWARDS + "/{reward}", rewards_page, who=frame.PROGRAM_READ, name="console:reward"),
    routing.route(REWARDS + "/{reward}", keep_reward, who=frame.PROGRAM, name="console:keep_reward", methods=["POST"]),
    routing.route(REWARDS + "/{reward}/codes", add_codes, who=frame.PROGRAM, name="console:reward_codes", methods=["POST"]),
    routing.route(REWARDS + "/{reward}/{act}", toggle, who=frame.PROGRAM, name="console:toggle_reward", methods=["POST"]),
]
