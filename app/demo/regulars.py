"""Lets the holders of the further cards live: each kind of programme at work for four weeks, through the same services as real days."""
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app import secrets
from app.benefits import coupons, promo
from app.benefits import service as benefits
from app.cards import service as cards
from app.cards.rules import Card
from app.coalition import service as coalition
from app.context import Context
from app.db import write_transaction
from app.demo.business import ZONE, Business
from app.demo.history import together
from app.demo.joining import Person, join
from app.demo.members import Member, Purchase, Story, draw_stories
from app.demo.programmes import PROMO_CODE
from app.programs import service as programs
from app.programs.store import Program
from app.referrals import service as referrals
from app.referrals.rules import CODE_LETTERS
from app.sales import approvals, happenings, occasions, purchases, visits
from app.sales import service as sales
from app.sales.purchases import Giver, Till
from app.sales.rules import RefundRequest, SaleRequest
from app.segments import service as segments
from app.standing import service as standings
from app.web.principal import Principal, shopper

FRIENDS = (1, 2)                # of the circle's first member, who came by their invitation
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Life:
    """One programme of a business while its cards are used."""

    here: Context
    shop: Business
    program: Program
    stories: Sequence[Story]

    async def join(self, member: Member, invitation_id: int | None = None) -> Card:
        places = self.shop.location_ids
        person = Person(member.phone, member.name, member.language, member.birthday, True, places[member.location] if places else None)
        return await join(self.here, self.program, person, member.joined_at, invitation_id)

    def at_till(self, member: Member) -> Principal:
        return self.shop.at_till(member.location)

    async def sell(self, card: Card, member: Member, bought: Purchase, **asked: object) -> sales.Outcome:
        """asked: further fields of the request; the balance pays unless it says otherwise."""
        wanted = {"redeem": None if bought.pays else 0, "lines": bought.lines, "receipt": bought.receipt, **asked}
        who = self.at_till(member)
        return await sales.sell(self.here.db, who, SaleRequest(card.id, bought.amount_minor, location_id=who.location_id, **wanted),  # type: ignore[arg-type]
                                None, bought.at)

    async def everybody(self, live: Callable[["Life", Story, Card], Awaitable[None]], invitation_id: int | None = None) -> list[Card]:
        """Each member joins and lives, beside the others; the cards in the order of the stories."""
        async def one(story: Story) -> Card:
            card = await self.join(story.member, invitation_id)
            await live(self, story, card)
            return card

        return await together([one(story) for story in self.stories])


# What the members of each kind do.

async def buys(life: Life, story: Story, card: Card) -> None:
    for bought in story.purchases:
        await life.sell(card, story.member, bought)


async def collects(life: Life, story: Story, card: Card) -> None:
    """Stamps become vouchers, and a voucher is used with the next purchase; the newest stays on the card."""
    for bought in story.purchases:
        held = await benefits.vouchers_of(life.here.db, life.shop.id, card.account_id, bought.at)
        using = [(held[0].id, held[0].rewards[0])] if len(held) > 1 else []
        await life.sell(card, story.member, bought, vouchers=using)


async def returns_some(life: Life, story: Story, card: Card) -> None:
    """Every seventh receipt comes back in part, by its sum."""
    for number, bought in enumerate(story.purchases, 1):
        sold = await life.sell(card, story.member, bought)
        if number % 7 == 3:
            back = RefundRequest(sold.operation.id, sold.operation.to_pay_minor // 3, receipt=f"R{bought.receipt}")
            await sales.refund(life.here.db, life.shop.of_role("manager"), back, None, bought.at + 4 * MINUTE)


async def climbs(life: Life, story: Story, card: Card) -> None:
    """Levels, line by line refunds, a review: every third member writes one."""
    db, member = life.here.db, story.member
    for number, bought in enumerate(story.purchases, 1):
        sold = await life.sell(card, member, bought)
        if number == 4 and member.number % 4 == 0:
            back = RefundRequest(sold.operation.id, None, receipt=f"R{bought.receipt}", lines=((1, 1),))
            await sales.refund(db, life.shop.of_role("manager"), back, None, bought.at + 3 * MINUTE)
        if number == 2 and member.number % 3 == 0:
            who, word = life.at_till(member), f"review-{member.number}"
            await happenings.happen(db, who, card.id, "review", 1, word, None, bought.at + 4 * MINUTE)


async def studies(life: Life, story: Story, card: Card) -> None:
    """A package, and its lessons one by one; the last member freezes what is left."""
    db, who, day = life.here.db, life.at_till(story.member), ""
    package = "eight" if story.member.number % 2 == 0 else "three"
    start = story.member.joined_at + 5 * MINUTE
    await purchases.buy_package(db, who, card.id, package, None, start, Till(f"S{story.member.number:02}", who.location_id))
    left = 8 if package == "eight" else 3
    for bought in story.purchases:
        if left > 1 and bought.at > start and bought.at.date().isoformat() != day:
            await visits.visit(db, who, card.id, 1, None, bought.at, location_id=who.location_id)
            day, left = bought.at.date().isoformat(), left - 1
    if story is life.stories[-1]:
        latest = max([start, *[bought.at for bought in story.purchases]])
        await visits.freeze(db, shopper(life.shop.id, card.customer_id), card.id, 7, None, latest + MINUTE)


async def subscribes(life: Life, story: Story, card: Card) -> None:
    """Two of three buy the month that their trial made them want; the others stay with the trial."""
    if story.member.number % 3 != 2:
        who, plan = life.at_till(story.member), "year" if story.member.number == 0 else "month"
        await purchases.buy_plan(life.here.db, who, card.id, plan, None, story.member.joined_at + 5 * MINUTE,
                                 Till(f"P{story.member.number:02}", who.location_id))
    await buys(life, story, card)


async def uses_coupon(life: Life, story: Story, card: Card) -> None:
    """The coupon for joining goes with the first purchase of every second; every third has the printed code too."""
    for number, bought in enumerate(story.purchases, 1):
        held = await benefits.vouchers_of(life.here.db, life.shop.id, card.account_id, bought.at)
        using = [(held[0].id, None)] if held and number == 1 and story.member.number % 2 else []
        code = PROMO_CODE if number == 2 and story.member.number % 3 == 0 else None
        await life.sell(card, story.member, bought, vouchers=using, promo_code=code)


# The programmes, one after another.

async def live(here: Context, coffee: Business, leaf: Business, old_town: Business, made: dict[str, int], club_code: str, now: datetime,
               seed: int) -> dict[str, int]:
    """Four weeks up to `now`; made: slug → programme, of coffee and leaf. Returns slug → the card that stands for the programme."""
    dice = random.Random(seed)      # noqa: S311  (believable, and the same every time: nothing here is a secret)

    async def life(letter: str, shop: Business, slug: str, members: int, most: int) -> Life:
        program = await programs.get_program(here.db, shop.id, made.get(slug) or shop.program_id)
        return Life(here, shop, program, draw_stories(dice, letter, members, most, now, ZONE))

    shown = {}
    for letter, slug, members, most, acts in (
            ("C", "coffees", 16, 11, collects), ("H", "cashback", 14, 7, returns_some), ("S", "school", 8, 6, studies),
            ("M", "pass", 9, 6, subscribes), ("G", "good", 12, 6, buys), ("N", "neighbours", 8, 4, buys)):
        shown[slug] = (await (await life(letter, coffee, slug, members, most)).everybody(acts))[0].id
    shown["circle"] = await _circle(await life("T", coffee, "circle", 22, 12), now)
    shown["gift"] = await _gifts(await life("F", coffee, "gift", 7, 4))
    shown["coupons"] = await _coupons(await life("K", coffee, "coupons", 10, 4), now)
    shown["roastery"] = await _club(await life("R", coffee, "roastery", 7, 5), club_code, now)
    shown["growing"] = (await (await life("L", leaf, "growing", 8, 7)).everybody(buys))[0].id
    shown["oldtown"] = await _old_town(await life("O", old_town, "oldtown", 12, 6), (coffee, leaf))
    return shown


async def _circle(life: Life, now: datetime) -> int:
    """The first member brings two friends; levels by hand, a correction, one that waits for a second manager, tags."""
    here, shop, first = life.here, life.shop, life.stories[0].member
    card, code = await life.join(first), secrets.new_token(CODE_LETTERS)
    invitation = await write_transaction(here.db, lambda tx: referrals.invitation_of(
        tx, life.program, card.account_id, code, first.joined_at + MINUTE))

    async def one(story: Story) -> Card:
        invited = invitation.id if story.member.number in FRIENDS else None
        joined = card if story.member is first else await life.join(story.member, invited)
        await climbs(life, story, joined)
        return joined

    held = await together([one(story) for story in life.stories])
    owner, manager = shop.of_role("owner"), shop.of_role("manager")
    await standings.choose_favourite(here.db, shopper(shop.id, card.customer_id), card.id, "cappuccino", now - timedelta(days=2))
    await standings.set_by_hand(here.db, manager, held[5].id, "gold", "Давний друг кофейни", now + timedelta(days=90), now)
    await sales.adjust(here.db, manager, held[3].id, "points", 120, "Долго ждали заказ", None, now)
    await approvals.ask(here.db, manager, held[4].id, "points", 500, "Пролили кофе на пальто гостя", None, now - timedelta(hours=3))
    for number in (2, 5, 8):
        customer_id = held[number].customer_id
        assert customer_id is not None
        await segments.tag(here.db, owner, customer_id, "офис", now)
    return card.id


async def _gifts(life: Life) -> int:
    """Cards that belong to whoever holds them, each loaded by somebody for somebody, and spent in parts."""
    here, shown = life.here, []
    for story in life.stories:
        who, member = life.at_till(story.member), story.member
        card, _ = await cards.issue_bearer(here.db, here.ring, who, life.program, None, member.joined_at)
        giver = Giver(member.name, "С днём рождения! Выпей кофе за меня." if member.number % 2 == 0 else "")
        await purchases.load_gift(here.db, who, card.id, 100_000 * (1 + member.number % 2), None, member.joined_at + MINUTE,
                                  Till(f"F{member.number:02}", who.location_id), giver)
        for bought in story.purchases[:2]:
            await life.sell(card, member, bought, redeem=None)
        shown.append(card.id)
    return shown[0]


async def _coupons(life: Life, now: datetime) -> int:
    """Everybody gets the coupon for joining before they come; three of the printed ones were shown at the till."""
    here, joined = life.here, []
    for story in life.stories:
        card = await life.join(story.member)
        await occasions.give_activations(here.db, story.member.joined_at + MINUTE)
        joined.append(card)
    await together([uses_coupon(life, story, card) for story, card in zip(life.stories, joined, strict=True)])
    batch = await promo.get_batch(here.db, life.shop.id, life.program.id, "fair")
    for code_id, *_ in await promo.codes_of(here.db, batch, limit=3):
        await coupons.redeem(here.db, life.shop.at_till(0), code_id, now - timedelta(hours=2))
    return joined[0].id


async def _club(life: Life, code: str, now: datetime) -> int:
    """Those who had the owner's link."""
    invitation = await referrals.find_invitation(life.here.db, life.program, code, now)
    assert invitation is not None
    return (await life.everybody(buys, invitation.id))[0].id


async def _old_town(life: Life, tills: tuple[Business, Business]) -> int:
    """Cards of the coalition: collected in one member's shop, paid with in the other's."""
    db = life.here.db

    async def one(story: Story) -> Card:
        card = await life.join(story.member)
        for number, bought in enumerate(story.purchases):
            shop = tills[(story.member.number + number) % 2]
            at_home = shop.at_till(story.member.location)
            who = await coalition.acting_for(db, at_home, life.shop.id)
            request = SaleRequest(card.id, bought.amount_minor, None if bought.pays or number % 3 == 2 else 0, receipt=bought.receipt,
                                  location_id=at_home.location_id)
            await sales.sell(db, who, request, None, bought.at)
        return card

    return (await together([one(story) for story in life.stories]))[0].id


async def form_old_town(here: Context, old_town: Business, members: Sequence[Business], slugs: Sequence[str], now: datetime) -> None:
    """The coalition's owner invites, each member's owner accepts."""
    for member, slug in zip(members, slugs, strict=True):
        part = await coalition.invite(here.db, old_town.of_role("owner"), slug, earns=True, spends=True, fee_bp=100, now=now)
        await coalition.accept(here.db, member.of_role("owner"), part, now)
