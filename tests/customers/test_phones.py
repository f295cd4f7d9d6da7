"""The table of phone numbers, as people type them in Russia; goal S4."""
import pytest

from app.customers import phones
from app.customers.phones import WrongPhone
from app.secrets import KeyRing

RU = {"RU"}


@pytest.mark.goal("S4")
@pytest.mark.parametrize("typed", ["8 (912) 345-67-89", "89123456789", "79123456789", "9123456789",
                                   "８９１２３４５６７８９", "\u200e89123456789",
                                   " +7 912 345 67 89 ", "+7(912)345-67-89", "8-912-345-67-89"])
def test_usual_spellings_are_one_number(typed: str) -> None:
    assert phones.parse_phone(typed, "RU", RU) == "+79123456789"


@pytest.mark.goal("S4")
@pytest.mark.parametrize("typed", [
    "", "   ", "+89123456789", "7912345678", "8 495 123-45-67", "8 800 555-35-35", "+7 809 123-45-67", "00 44 7400 123456", "+881612345678",
    "+88216123456789", "+97912345678", "8 912 345-67-89 / 8 912 345-67-80", "8912345678I", "8" * 300, "anna@example.com", "12", "nonsense",
    "8 (912) 345-67-89 ext. 5", "375291234567000000"])
def test_what_cannot_be_texted_is_refused_with_a_sentence(typed: str) -> None:
    with pytest.raises(WrongPhone) as refused:
        phones.parse_phone(typed, "RU", RU)
    [(field, _, sentence)] = refused.value.fields
    assert field == "phone"
    assert (sentence % refused.value.params).endswith((".", "?"))


@pytest.mark.goal("S4")
def test_a_plus_eight_is_not_guessed_but_asked_about() -> None:
    with pytest.raises(WrongPhone) as refused:
        phones.parse_phone("+89123456789", "RU", RU)
    assert refused.value.params["meant"] == "+79123456789"


@pytest.mark.goal("S4")
@pytest.mark.parametrize(("typed", "e164", "region"), [
    ("87012345678", "+77012345678", "KZ"), ("8-10-44-7400-123456", "+447400123456", "GB"), ("375291234567", "+375291234567", "BY"),
    ("380501234567", "+380501234567", "UA"), ("+7 940 123-45-67", "+79401234567", "RU")])
def test_numbers_from_abroad_are_judged_by_their_country_and_not_by_plus_seven(typed: str, e164: str, region: str) -> None:
    assert phones.parse_phone(typed, "RU", {region}) == e164
    if region != "RU":
        with pytest.raises(WrongPhone):
            phones.parse_phone(typed, "RU", RU)


def test_a_number_is_shown_masked() -> None:
    assert phones.masked("+79161231234") == "+7916•••1234"


def test_hashes_differ_from_business_to_business_and_from_the_servers(ring: KeyRing) -> None:
    number = "+79161231234"
    assert len({phones.business_hash(ring, 1, number), phones.business_hash(ring, 2, number), phones.server_hash(ring, number)}) == 3
    assert phones.last4_hash(ring, 1, number) == phones.last4_hash(ring, 1, "+79990001234")
