import pytest

from app.sms import wording
from app.sms.rules import plain, size_of
from app.sms.wording import compose, count, default_of, filled, is_sender, is_start_word, is_stop_word, shorter, tidy, wrong_with

HOST = "https://crd.example.ru"                     # fourteen letters
LINK = f"{HOST}/a/123456789ABC"
LINKS = {"activation": LINK, "invitation": LINK, "card_link": f"{HOST}/c/123456789ABCDEFGHJKLMN", "code": "123456", "till_code": "123456",
         "number_notice": "*34"}
BRANDS = ["Кофе", "Кофейня на Пушкинско", "Coffee on Pushkin St", "Café Ñandú", "«Булочная» — у моста", "ABCDEFGHIJKLMNOPQRST"]


def test_the_brands_of_these_tests_are_as_long_as_promised():
    assert len("crd.example.ru") == 14 and max(len(plain(brand)) for brand in BRANDS) == 20


@pytest.mark.goal("S4")
@pytest.mark.parametrize("brand", BRANDS)
@pytest.mark.parametrize("language", ["ru", "en"])
@pytest.mark.parametrize("purpose", wording.PURPOSES)
def test_our_own_text_fits_one_part_for_a_short_host_and_a_brand_of_twenty_letters(purpose, language, brand):
    text = compose(default_of(purpose, language), brand, LINKS[purpose])
    assert size_of(text).parts == 1
    assert text.startswith(f"{plain(brand)}: ") and text.endswith(f" {LINKS[purpose]}")


@pytest.mark.parametrize("purpose", ["activation", "invitation", "code", "till_code", "number_notice"])
def test_with_a_short_host_nothing_of_our_own_text_is_left_out(purpose):
    for language in ("ru", "en"):
        for brand in BRANDS:
            template = default_of(purpose, language)
            assert compose(template, brand, LINKS[purpose]) == filled(template, brand, LINKS[purpose])


@pytest.mark.parametrize("brand", ["Общество с ограниченной ответственностью «Ромашка»", "Café Ñandú 😀😀😀😀😀😀😀😀"])
def test_a_longer_brand_is_cut_before_a_second_part_is_paid_for(brand):
    text = compose(default_of("activation", "ru"), brand, LINK)
    assert size_of(text).parts == 1 and text.endswith(f" {LINK}") and text.startswith(plain(brand)[:8])


def test_a_long_host_costs_a_second_part_and_keeps_the_whole_brand():
    long = "https://a-very-long-name-of-a-host.loyalty.example.com/a/123456789ABC"
    text = compose(default_of("activation", "ru"), "Кофе", long)
    assert size_of(text).parts == 2 and text == f"Кофе: ваша карта {long}"


def test_two_parts_are_used_where_the_owner_allowed_them():
    template = "{brand}: ваша карта постоянного покупателя готова, откройте её {link}"
    assert size_of(compose(template, "Кофе", LINK)).parts == 1
    assert compose(template, "Кофе", LINK, 2) == filled(template, "Кофе", LINK)


def test_braces_in_a_brand_are_letters():
    assert filled("{brand}: {link}", "{link} & {x}", "L") == "{link} & {x}: L"


@pytest.mark.parametrize(("template", "sentence"), [
    ("Ваша карта", wording.NO_LINK), ("{link} {link}", wording.TWO_LINKS), ("Карта {link}.", wording.AFTER_LINK),
    ("Карта {link} ждёт", wording.AFTER_LINK), ("Карта:{link}", wording.GLUED), ("{name}: {link}", wording.UNKNOWN_PLACE),
    ("{}: {link}", wording.UNKNOWN_PLACE), ("я" * 401 + " {link}", wording.TOO_LONG), ("\u202eкарта {link}", wording.UNSEEN),
    ("Очень длинные слова о карте и о скидках {link}", wording.TOO_MANY_PARTS), ("я" * 150 + " {link}", wording.STILL_TOO_MANY)])
def test_a_text_that_would_not_work_is_refused_with_the_reason(template, sentence):
    error, parts = wrong_with(template, "Кофе", LINK, 1)
    assert (error.field, error.detail) == ("text", sentence)
    assert parts == size_of(filled(template, "Кофе", LINK)).parts


def test_a_text_of_two_parts_is_taken_where_the_owner_allows_it_and_one_of_three_never():
    assert wrong_with("Очень длинные слова о карте и о скидках {link}", "Кофе", LINK, 2) is None
    assert wrong_with("я" * 150 + " {link}", "Кофе", LINK, 2) is not None
    assert wrong_with("{link}", "Кофе", LINK, 1) is None


def test_what_a_word_processor_put_in_is_made_plain_before_it_is_kept():
    assert tidy("«{brand}»\u00a0— ваша карта…\n {link} ") == '"{brand}" - ваша карта... {link}'


def test_the_letters_that_cost_160_characters_are_named_once_each():
    found = count("{brand}: “ваша” card ёё 😀 {link}", "Cafe", "https://x.ru/a/1")
    assert found.culprits == ("в", "а", "ш", "ё", "😀") and found.size.encoding == "UCS-2"
    assert count("{brand}: card {link}", "Cafe", LINK).culprits == ()


def test_a_shorter_text_is_offered_and_fits():
    long = "{brand}: карта постоянного покупателя готова {link}"
    assert shorter("activation", "ru", long, "Кофе", LINK) == default_of("activation", "ru")
    host = "https://loyalty.coffee-corner.ru/a/123456789ABC"
    assert shorter("activation", "ru", default_of("activation", "ru"), "Кофейня на Пушкин", host) == "{brand}: {link}"
    assert shorter("activation", "ru", long, "Кофе", "https://" + "x" * 60 + ".ru/a/123456789ABC") is None


@pytest.mark.parametrize("text", ["Coffee", "COFFEE24", "a", "ABCDEFGHIJK", "112", "79161234567", "123456789012345"])
def test_a_short_latin_word_or_a_number_is_a_sender(text):
    assert is_sender(text)


@pytest.mark.parametrize("text", ["", "Кофе", "ABCDEFGHIJKL", "Coffee Bar", "Cof-fee", "12", "1234567890123456", "Coffee\n", "１２３"])
def test_anything_else_is_no_sender(text):
    assert not is_sender(text)


@pytest.mark.parametrize("text", [
    "STOP", " stop ", "StopAll", "unsubscribe", "CANCEL", "end", "quit", "REVOKE", "OptOut", "СТОП", "отписка", "Нет"])
def test_who_answers_so_wants_no_more(text):
    assert is_stop_word(text) and not is_start_word(text)


@pytest.mark.parametrize("text", ["START", "unstop", "старт"])
def test_who_answers_so_wants_them_again(text):
    assert is_start_word(text) and not is_stop_word(text)


@pytest.mark.parametrize("text", ["please stop", "нет, спасибо", "stopwatch", "", "HELP", "yes", "x" * 5000])
def test_other_answers_are_no_words_of_ours(text):
    assert not is_stop_word(text) and not is_start_word(text)
