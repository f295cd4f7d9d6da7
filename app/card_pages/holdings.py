"""What a shopper has and can get: balances, level, membership, rewards to claim, offers, the favourite product."""
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import errors
from app.benefits import service as benefits
from app.benefits.rules import Reward, Voucher, in_groups
from app.card_pages import frame, service
from app.card_pages.service import Opened
from app.clock import from_ms, to_ms
from app.context import Context
from app.ledger import service as ledger
from app.ledger.service import Shown
from app.money import floor_div
from app.programs import words
from app.programs.store import Program
from app.standing import service as standings
from app.web.forms import check_site, read_form, text_field
from app.web.principal import shopper
from app.web.requests import context
from app.web.routing import link, route

SOON, EVER = timedelta(days=30), timedelta(days=36_500)
LOADS = 20
FIGURES = ("points", "money", "stamps", "visits", "donated")


async def shown(here: Context, opened: Opened, language: str, now: datetime) -> dict[str, Any]:
    """The parts of the page; `mine` holds what only the card link shows, None through the pass link."""
    card, program = opened.card, opened.program
    held = await ledger.shown(here.db, card.account_id, now)
    ending = await ledger.next_end(here.db, card.account_id, now, program.rules.unit, within=EVER)
    until = await ledger.member_until(here.db, card.account_id, now) if program.rules.membership else None
    return {
        "figures": _figures(program, held, language), "owes": any(amount < 0 for amount in held.available.values()),
        "pending": [words.amount(amount, unit, program.currency, language) for unit, amount in held.pending.items() if unit in FIGURES],
        "expiring": {"text": words.amount(ending.amount, ending.unit, program.currency, language), "at": ending.at,
                     "is_soon": ending.at - now <= SOON} if ending else None,
        "worth": _worth(program, held, language), "stamps_missing": _stamps_missing(program, held, language),
        **_closing(program, now), "gift": await _gift(here, opened) if opened.strength == "card" and program.rules.gift else None,
        "member_ended": await ledger.member_ended(here.db, card.account_id, now) if program.rules.membership and until is None else None,
        "member_until": until, "is_membership": program.rules.membership is not None,
        "level": await _level(here, opened, language, now),
        "mine": await _mine(here, opened, held, language, now) if opened.strength == "card" and card.status == "active" else None}


def _worth(program: Program, held: Shown, language: str) -> str:
    """What the points take off a bill; "" where they take nothing off. Rounded down, as a sale rounds it."""
    rules, points = program.rules, held.available.get("points", 0)
    if rules.unit != "points" or points <= 0 or rules.largest_share_bp <= 0:
        return ""
    minor = floor_div(points * rules.worth_minor, rules.worth_points)
    return words.money(minor, program.currency, language) if minor else ""


def _stamps_missing(program: Program, held: Shown, language: str) -> str:
    """How many stamps the card still waits for, in words; "" where there is no stamp card."""
    stamps = program.rules.stamps
    missing = stamps.card.size - held.available.get("stamps", 0) if stamps else 0
    return words.stamps(missing, language) if missing > 0 else ""


def _closing(program: Program, now: datetime) -> dict[str, Any]:
    """The two moments of a programme whose end was announced: from when it gives nothing more, from when nothing can be spent."""
    ends = {"earns_until": program.earns_until_at, "spends_until": program.spends_until_at}
    return {**{name: from_ms(end) if end else None for name, end in ends.items()},
            "has_stopped": program.earns_until_at is not None and program.earns_until_at <= to_ms(now)}


async def _gift(here: Context, opened: Opened) -> dict[str, str] | None:
    """Who gave what is on a gift card, and what they wrote: of the newest load that says so."""
    loaded = await service.history(here.db, opened, LOADS, kind="purchase")
    back = {each.of_operation_id for kind in ("undo", "refund") for each in await service.history(here.db, opened, LOADS, kind=kind)}
    said = (operation.texts.get("gift") for operation in loaded if operation.id not in back)
    return next(({"name": each.get("from", ""), "words": each.get("words", "")} for each in said if each), None)


def _figures(program: Program, held: Shown, language: str) -> list[tuple[str, str]]:
    """(number, unit) of each balance the programme has, the programme's own unit first; stamps as a part of the card."""
    rules, found = program.rules, []
    own = rules.unit if rules.earn_points or rules.gift or held.available.get(rules.unit) or rules.welcome_points else None
    wanted = [own, "stamps" if rules.stamps else None, "visits" if rules.visits else None, "donated" if rules.charity else None]
    for unit in dict.fromkeys([*wanted, *(unit for unit in FIGURES if held.available.get(unit))]):
        if unit is None:
            continue
        amount = held.available.get(unit, 0)
        sign, text = ("−" if amount < 0 else ""), words.amount(abs(amount), unit, program.currency, language)
        number, _, word = text.partition(words.SPACE) if unit in ("points", "visits") else (text, "", "")
        if unit == "stamps":
            number, _, word = text.partition(words.SPACE)
            number = f"{number} / {rules.stamps.card.size}" if rules.stamps else number
        found.append((sign + number, word))
    return found


async def _level(here: Context, opened: Opened, language: str, now: datetime) -> dict[str, Any] | None:
    """The level that is held, its perks, and what is missing to the next."""
    program, account_id = opened.program, opened.card.account_id
    levels = program.rules.levels
    if levels is None:
        return None
    held = await standings.level_now(here.db, program.rules, account_id, now)
    coming = await standings.next_level(here.db, program.rules, account_id, held.key if held else None, now)
    unit = {"spend": "money", "points": "points", "visits": "purchases"}[levels.measure]
    return {"name": held.name.in_(language) if held else "", "perks": held.perks.in_(language) if held else "",
            "next": coming.level.name.in_(language) if coming else "",
            "missing": words.amount(coming.missing, unit, program.currency, language) if coming else ""}


async def _mine(here: Context, opened: Opened, held: Shown, language: str, now: datetime) -> dict[str, Any]:
    card, program = opened.card, opened.program
    rewards = {each.key: each for each in await benefits.list_rewards(here.db, card.business_id, program.id, open_only=False)}
    vouchers = await benefits.vouchers_of(here.db, card.business_id, card.account_id, now)
    pieces = await benefits.pieces_of(here.db, here.ring, card.business_id, card.account_id) if vouchers else {}
    offers = await standings.offers_of(here.db, card.account_id, now) if program.rules.offers else []
    return {
        "vouchers": [_voucher(each, rewards, pieces, language) for each in vouchers],
        **_catalogue([each for each in rewards.values() if each.unit and not each.is_closed], program, held, language),
        "offers": [{"name": offer.name or offer.sku, "share": words.percent(offer.discount_bp, language), "until": offer.ends_at}
                   for offer in offers],
        "favourite": await _favourite(here, opened, now)}


def _voucher(voucher: Voucher, rewards: Mapping[str, Reward], pieces: Mapping[int, str], language: str) -> dict[str, Any]:
    names = [rewards[key].names.in_(language) for key in voucher.rewards if key in rewards]
    return {"name": words.listed(names or [voucher.source], language, choice=True), "code": in_groups(voucher.code),
            "piece": pieces.get(voucher.id, ""), "until": voucher.ends_at, "since": voucher.starts_at}


def _catalogue(rewards: Sequence[Reward], program: Program, held: Shown, language: str) -> dict[str, Any]:
    """catalogue: in reach first, then what is missing least; next: the nearest that is out of reach, with the share that is there."""
    offered = sorted((_for_sale(each, program, held, language) for each in rewards), key=lambda each: (each["lacks"], each["is_out"]))
    ahead = next((each for each in offered if each["lacks"] and not each["is_out"]), None)
    return {"catalogue": offered, "next": ahead}


def _for_sale(reward: Reward, program: Program, held: Shown, language: str) -> dict[str, Any]:
    """A reward of the catalogue, and what is missing to take it."""
    assert reward.unit is not None
    missing = max(0, reward.cost - held.available.get(reward.unit, 0))
    said = [words.amount(count, reward.unit, program.currency, language) for count in (reward.cost, missing)]
    return {"key": reward.key, "name": reward.names.in_(language), "cost": said[0], "missing": said[1] if missing else "",
            "is_out": reward.stock == 0, "lacks": missing, "done": reward.cost - missing, "of": reward.cost}


async def _favourite(here: Context, opened: Opened, now: datetime) -> dict[str, Any] | None:
    program = opened.program
    if program.rules.favourite is None:
        return None
    chosen = await standings.favourite_of(here.db, program, opened.card.account_id, now)
    products = await standings.list_products(here.db, program.business_id, only_favourites=True)
    return {"chosen": (chosen.name or chosen.sku) if chosen else "", "sku": chosen.sku if chosen else "",
            "until": chosen.until if chosen else None, "again": chosen.again if chosen and chosen.again > now else None,
            "products": [(product.sku, product.name) for product in products],
            "share_bp": program.rules.favourite.discount_bp}


async def choose(request: Request) -> Response:
    """POST /c/{token}/favourite: the shopper's favourite product from now on."""
    here, token = context(request), request.path_params["token"]
    opened = await frame.opened(request)
    check_site(request)
    if opened.strength != "card":
        raise errors.NotFound()
    who = shopper(opened.card.business_id, opened.card.customer_id)
    sku = text_field(await read_form(request), "sku", 100)
    await standings.choose_favourite(here.db, who, opened.card.id, sku, here.clock.now())
    return RedirectResponse(f"/c/{token}#favourite", 303)


routes = [route("/c/{token}/favourite", choose, who=link, name="card-pages:favourite", methods=["POST"])]
