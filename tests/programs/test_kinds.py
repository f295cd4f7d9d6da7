"""The ready-made kinds: each is whole, makes sense in any currency, and its form gives back what it was given."""
import pytest
from msgspec.structs import replace

from app.db import write_transaction
from app.designs.template import FOLDER
from app.errors import Invalid
from app.programs import service
from app.programs.explain import explain
from app.programs.kinds import KINDS, get_kind, template_of
from app.programs.rules import ProgramRules, dump, parse, validate
from app.programs.terms import Said

CURRENCIES = ["RUB", "USD", "JPY", "KWD", "KZT", "XXX"]
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def test_there_are_thirteen_kinds():
    assert list(KINDS) == ["points", "cashback", "discount", "cumulative", "tiers", "stamps", "visits", "membership", "gift", "coupon",
                           "charity", "club", "coalition"]


@every_kind
@pytest.mark.parametrize("currency", CURRENCIES)
def test_the_defaults_of_a_kind_are_rules_that_a_shop_can_mean(kind, currency):
    rules = kind.rules(currency)
    validate(rules)
    assert parse(dump(rules)) == rules


@every_kind
@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_kind_has_a_name_a_promise_a_design_and_sentences(kind, language):
    assert kind.name.in_(language) and kind.sentence.in_(language).endswith(".")
    assert kind.name.en != kind.name.ru and kind.sentence.en != kind.sentence.ru
    assert (FOLDER / kind.template / "design.toml").is_file()
    said = explain(kind.rules("RUB"), "RUB", language, {reward.key: reward.names for reward in kind.rewards})
    assert said and all(sentence.endswith(".") and sentence[0] == sentence[0].upper() for sentence in said)
    assert not any(word in " ".join(said) for word in ("None", "{", "[", "'"))


@every_kind
def test_every_reward_that_the_rules_name_comes_with_the_kind(kind):
    assert set(_reward_keys(kind.rules("RUB"))) == {reward.key for reward in kind.rewards}


def _reward_keys(rules: ProgramRules) -> list[str]:
    named = [key for part in (rules.stamps and rules.stamps.card, rules.convert) if part for key in part.rewards]
    return named + [rule.effect.reward for rule in rules.rules if hasattr(rule.effect, "reward")]


@every_kind
def test_a_form_gives_back_what_it_shows(kind):
    rules = kind.rules("RUB")
    values = kind.read(rules)
    assert kind.numbers and None not in [values[number.name] for number in kind.numbers if not number.is_optional]
    assert len(values) == len(kind.numbers)
    assert kind.write(rules, values) == rules


@every_kind
def test_every_number_of_a_form_reaches_the_rules(kind):
    rules = kind.rules("RUB")
    for number in kind.numbers:
        value = _other(number, number.read(rules))
        changed = number.write(rules, value)
        assert number.read(changed) == value and changed != rules
        assert [other.name for other in kind.numbers if other.read(changed) != other.read(rules)] == [number.name]


def _other(number, value):
    if number.input == "words":
        return Said("Other", "Другое")
    if number.input == "choice":
        return next(choice.value for choice in number.choices if choice.value != value)
    return number.least if value != number.least else number.least + 1


@every_kind
def test_what_is_outside_the_limits_is_refused_at_its_number_and_writes_nothing(kind):
    rules = kind.rules("RUB")
    for number in kind.numbers:
        for value in (Said(), "nonsense", -1, number.most + 1, True, None):
            if value is None and number.is_optional:
                continue
            with pytest.raises(Invalid) as refused:
                kind.write(rules, {number.name: value})
            assert [error.field for error in refused.value.fields] == [number.name]
    with pytest.raises(Invalid) as refused:
        kind.write(rules, {"nonsense": 1})
    assert refused.value.fields[0].code == "unknown"


def test_all_mistakes_of_a_form_are_told_at_once():
    kind = get_kind("points")
    with pytest.raises(Invalid) as refused:
        kind.write(kind.rules("RUB"), {"earn_points": -1, "largest_share_bp": 10_001, "welcome_points": 3})
    assert [error.field for error in refused.value.fields] == ["earn_points", "largest_share_bp"]


def test_a_number_whose_part_the_rules_no_longer_have_is_empty():
    kind = get_kind("stamps")
    assert set(kind.read(replace(kind.rules("RUB"), stamps=None)).values()) == {None}


def test_a_programme_remembers_its_kind_and_another_word_is_refused():
    with pytest.raises(Invalid) as refused:
        get_kind("stickers")
    assert refused.value.fields[0].field == "kind"
    assert (template_of("tiers"), template_of("coalition"), template_of("stickers")) == ("tiers", "points", "points")


async def test_a_programme_is_made_of_a_kind(sqlite_db, clock):
    async def act(tx):
        business_id = await service.create_business(tx, slug="coffee", name="Coffee", country="RU", currency="RUB",
                                                    time_zone="Europe/Moscow", language="ru", now=clock.now())
        kind = get_kind("stamps")
        program_id = await service.create_program(tx, business_id, slug="stamps", name="Stamps", rules=kind.rules("RUB"), kind=kind.key,
                                                  now=clock.now())
        return await service.get_program(tx, business_id, program_id)
    program = await write_transaction(sqlite_db, act)
    assert (program.kind, program.rules.stamps.card.size) == ("stamps", 6)
