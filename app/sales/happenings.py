"""Things that happen and are no purchase: a review, packages brought back, a birthday. Each gives what the rules say, once."""
import re
from datetime import datetime

import msgspec

from app.cards.rules import Card, check_can_change
from app.clock import to_ms
from app.coalition import service as coalition
from app.db import Database, Transaction
from app.errors import FieldError, Forbidden, Invalid, NotFound, Refused
from app.idempotency.rules import Key
from app.ledger import operations_store
from app.ledger import service as ledger
from app.ledger.operations import Draft, Operation
from app.programs import service as programs
from app.programs.rules import ProgramRules
from app.sales import acts, recording
from app.sales import happenings_store as store
from app.sales.acts import Outcome
from app.sales.case import check_open, units_of
from app.sales.judgement import Happened
from app.sales.judging import judge_event
from app.sales.recording import Codes
from app.standing import service as standings
from app.text import N_
from app.updates import service as updates
from app.web.principal import Principal

BIRTHDAY, ABSENT, ACTIVATED = "birthday", "absent", "activated"
INSIDE = (BIRTHDAY, ABSENT, ACTIVATED)      # found by the server itself, never told from outside
GIFT_GIVEN = "gift.given"
MOST = 1_000_000
KEY_MOST = 100
JudgedBy = tuple[int, ProgramRules]
_EVENT = re.compile("[a-z0-9_]{1,40}")


class GivesNothing(Refused):
    """No rule answers to the event for this card now; nothing was noted, so that it may be sent again."""

    code, detail = "event_gives_nothing", N_("No rule gives this card anything for that now.")


async def happen(db: Database, who: Principal, card_id: int, event: str, quantity: int, key_text: str, key: Key | None,
                 now: datetime) -> Outcome:
    """Something happened to the person behind a card, told from outside; what the rules give for it.

    event: a word of the business's own; quantity: of what it counts, 1 for most; key_text: what makes it this one (the number of a
    review): the same of the same event answers the first operation again, as a replay. Raises Invalid, Forbidden, NotFound,
    CardBlocked, CardEnded, CardProvisional, OwnCard, ProgramClosed, GivesNothing, CampaignUsedUp.
    """
    if not who.may("cashier"):
        raise Forbidden()
    if wrong := _wrong(event, quantity, key_text):
        raise Invalid(fields=wrong)
    codes, before = Codes(), [False]

    async def act(tx: Transaction) -> Operation:
        codes.begin()
        card, program = await acts.open_card(tx, who, card_id)
        await acts.check_not_own(tx, who, card)
        check_can_change(card, allow=("active",))
        check_open(program, now)
        earlier = await store.find(tx, who.business_id, card.account_id, event, key_text)
        before[0] = earlier is not None
        if earlier is not None:
            return await _again(tx, who, earlier["operation_id"])
        judged_by = await programs.rules_at(tx, program, now)
        if not (await coalition.allowed_of(tx, who)).earns:
            raise GivesNothing()
        operation = await happen_in(tx, who, program, judged_by, card, event, quantity, key_text, codes, now)
        if operation is None:
            raise GivesNothing()
        return operation

    outcome = await acts.once_not_own(db, who, key, act, now)
    return msgspec.structs.replace(outcome, is_replay=outcome.is_replay or before[0])


async def _again(tx: Transaction, who: Principal, operation_id: int | None) -> Operation:
    if operation_id is None:
        raise GivesNothing()
    first = await operations_store.find_operation(tx, who.business_id, operation_id)
    if first is None:
        raise NotFound()
    return first


async def happen_in(tx: Transaction, who: Principal, program: programs.Program, judged_by: JudgedBy, card: Card, event: str,
                    quantity: int, key_text: str, codes: Codes, now: datetime) -> Operation | None:
    """What rules give for an event, on an account that the caller has locked; None where it happened before or gives nothing.

    It is noted in either case, so that it happens once. judged_by: a version and its rules; codes: begun by the caller.
    """
    rules = judged_by[1]
    if not await store.claim(tx, program.business_id, card.account_id, event, key_text, to_ms(now)):
        return None
    standing = await standings.standing_of(tx, program, rules, card, now, now)
    happened = judge_event(rules, event, quantity, now, standing, program.time_zone)
    if not happened.applied:
        return None
    operation = await _write(tx, who, program, judged_by, card, event, quantity, happened, codes, now)
    await store.keep(tx, card.account_id, event, key_text, operation.id)
    await updates.emit(tx, program.business_id, GIFT_GIVEN, now, card_id=card.id, operation_id=operation.id, details={"event": event})
    return operation


async def _write(tx: Transaction, who: Principal, program: programs.Program, judged_by: JudgedBy, card: Card, event: str, quantity: int,
                 happened: Happened, codes: Codes, now: datetime) -> Operation:
    """The operation with its gains, and the vouchers; what it completes is converted as after a purchase."""
    version, rules = judged_by
    purses = await ledger.purses_of(tx, card.account_id, now, now, units_of(rules))
    await ledger.settle(tx, who, purses, program, card.account_id, card.id, now)
    recording.put(purses, happened.gains, rules, now, program.time_zone, is_sale=False)
    converted = await recording.convert(tx, program, rules, purses)
    texts = {"event": event, "quantity": quantity, "rules": [[one.rule, one.what, one.amount] for one in happened.applied]}
    if issued := recording.issued_texts(converted, happened.given):
        texts["vouchers"] = {"issued": issued}
    draft = Draft("event", program.id, card.account_id, card.id, to_ms(now), version, who.location_id, texts=texts)
    operation = await ledger.post(tx, who, draft, purses, now)
    await recording.issue_converted(tx, who, program, operation, converted, codes, now)
    # There is no receipt that a gift could be part of: it is a voucher, whether at once or for later.
    given = [msgspec.structs.replace(one, at_once=False) for one in happened.given]
    missed = await recording.give(tx, who, program, operation, given, codes, now)
    await standings.count_uses(tx, program, rules, card.account_id, operation.id,
                               [one for one in happened.applied if one.rule not in missed], now)
    return operation


def _wrong(event: str, quantity: int, key_text: str) -> list[FieldError]:
    wrong = []
    if not _EVENT.fullmatch(event) or event in INSIDE:
        wrong.append(FieldError("event", "event", N_("Name the event by up to 40 small Latin letters, digits and underscores; "
                                                     "birthday, absent and activated happen by themselves.")))
    if not 1 <= quantity <= MOST:
        wrong.append(FieldError("quantity", "out_of_range", N_("Type a whole number from 1 to 1,000,000.")))
    if not 1 <= len(key_text) <= KEY_MOST or not key_text.isprintable():
        wrong.append(FieldError("key", "key", N_("Send what makes this event the one it is, in 1 to 100 characters.")))
    return wrong
