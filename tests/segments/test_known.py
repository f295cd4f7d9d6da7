"""What rules may name, and what shoppers and managers call it."""
from app.benefits import promo, rewards
from app.benefits.rules import RewardWish, Terms
from app.programs import service as programs
from app.programs.explain_parts import Called
from app.programs.rules import ProgramRules
from app.programs.terms import Earn, Rule, Said, When
from app.segments import known
from app.segments import service as segments
from app.segments.service import Filter
from tests.money import NOON, make_bed


async def test_rules_may_name_what_their_business_has_and_only_managers_read_its_inner_names(sqlite_db):
    bed = await make_bed(sqlite_db)
    await make_bed(sqlite_db, "tea")    # another business's places are none of ours
    await rewards.create_reward(sqlite_db, bed.manager, bed.program_id, RewardWish("coffee", "text", Said("Coffee")), NOON)
    await segments.create(sqlite_db, bed.manager, "asleep", "Asleep", Filter(no_visit_days=90), NOON)
    await promo.create_batch(sqlite_db, bed.manager, bed.program_id, Terms("radio", "Radio in May"), ["RADIO"], NOON)
    program = await programs.get_program(sqlite_db, bed.business_id, bed.program_id)
    assert await known.there_is(sqlite_db, program) == {
        "known_rewards": {"coffee"}, "known_batches": {"radio"}, "known_segments": {"asleep"}, "known_locations": {bed.location_id}}
    [place] = await programs.list_locations(sqlite_db, bed.business_id)
    here = {bed.location_id: Said(place.name_in("en"), place.name_in("ru"))}
    assert await known.called(sqlite_db, program) == Called(here, {"asleep": "Asleep"}, {"radio": "Radio in May"})
    # What is printed on a card says where, and not what the shop calls its groups of people.
    rule = Rule("one", Said("One"), Earn(5), When(locations=(bed.location_id,), segments=("asleep",), promo="radio"))
    assert await known.places(sqlite_db, program, ProgramRules(rules=(rule,))) == Called(here)
    assert await known.places(sqlite_db, program, ProgramRules()) == Called()
