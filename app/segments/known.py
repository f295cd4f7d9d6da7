"""What a programme's rules may name, gathered once: for the check of rules, and for the sentences that call it by name."""
from typing import TypedDict

from app.benefits import promo, rewards
from app.db import Database, Transaction
from app.programs import service as programs
from app.programs.explain_parts import Called
from app.programs.rules import ProgramRules
from app.programs.store import Program
from app.programs.terms import Said
from app.segments import service as segments

Reader = Database | Transaction
NOTHING = Called()


class Known(TypedDict):
    """As `programs.rules.validate` takes it."""

    known_rewards: set[str]
    known_batches: set[str]
    known_segments: set[str]
    known_locations: set[int]


async def there_is(reader: Reader, program: Program) -> Known:
    """Rewards and promo batches of the programme, segments and locations of its business; of closed ones only the locations."""
    business_id = program.business_id
    return {"known_rewards": {each.key for each in await rewards.list_rewards(reader, business_id, program.id)},
            "known_batches": {each.key for each in await promo.list_batches(reader, business_id, program.id)},
            "known_segments": {each.key for each in await segments.list_segments(reader, business_id)},
            "known_locations": {each.id for each in await programs.list_locations(reader, business_id)}}


async def places(reader: Reader, program: Program, rules: ProgramRules) -> Called:
    """What shoppers may read: the places that rules name. What the shop calls its groups of people is its own affair."""
    named = {place for rule in rules.rules for place in rule.when.locations}
    if not named:
        return NOTHING
    found = await programs.list_locations(reader, program.business_id)
    return Called({each.id: Said(each.name_in("en"), each.name_in("ru")) for each in found if each.id in named})


async def called(reader: Reader, program: Program) -> Called:
    """What managers read: segments and batches of promo codes by name too, whichever rule is going to name them."""
    found = await programs.list_locations(reader, program.business_id)
    return Called({each.id: Said(each.name_in("en"), each.name_in("ru")) for each in found},
                  {each.key: each.name for each in await segments.list_segments(reader, program.business_id)},
                  {each.key: each.name for each in await promo.list_batches(reader, program.business_id, program.id)})
