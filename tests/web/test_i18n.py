"""Languages: which one a request gets, and that no sentence lacks its Russian."""
import re

import pytest
from babel.messages.catalog import Catalog
from starlette.requests import Request

from app.web import catalogues, i18n


@pytest.fixture(scope="module")
def found() -> Catalog:
    """Every sentence of the sources and templates: seconds of reading."""
    return catalogues.extracted()


def asking(query: str = "", cookie: str = "", accept: str = "") -> Request:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accept.encode())]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": headers})


@pytest.mark.parametrize(("request_", "language"), [
    (asking("lang=ru", "lang=en", "en"), "ru"),
    (asking("", "lang=ru", "en"), "ru"),
    (asking("", "", "de,ru;q=0.8,en;q=0.7"), "ru"),
    (asking("", "", "en-GB"), "en"),
    (asking("lang=xx", "lang=yy", "tlh"), "en"),
    (asking("", "", "ru;q=zero, en;q=0.1"), "en"),
    (asking("", "", "ru;q=0"), "en"),
    (asking("", "", ",;q=,"), "en"),
])
def test_the_switch_comes_before_the_cookie_the_browser_and_english(request_: Request, language: str):
    assert i18n.language_of(request_) == language


def test_where_the_browser_says_nothing_we_know_the_businesss_language_is_used():
    assert i18n.language_of(asking(accept="de"), default="ru") == "ru"


def test_russian_counts_in_three_forms():
    words = i18n.translations("ru")
    said = [words.ngettext("%(num)s day", "%(num)s days", abs(count)) % {"num": count} for count in (1, 2, 5, 11, 21, 22, 111, -1)]
    assert said == ["1 день", "2 дня", "5 дней", "11 дней", "21 день", "22 дня", "111 дней", "-1 день"]


def test_a_sentence_takes_its_parameters_in_either_language():
    assert i18n.translate("en", "Hello, %(name)s", name="Anna") == "Hello, Anna"
    assert i18n.translate("ru", "Hello, %(name)s", name="Анна") == "Здравствуйте, Анна"
    assert i18n.translate("en", "What a point is called cannot hold a % sign.") == "What a point is called cannot hold a % sign."


def test_every_sentence_of_the_sources_and_templates_has_its_russian(found: Catalog):
    """When this fails: `python -m app.web.catalogues`, then translate what it prints."""
    known = catalogues.read("ru")
    lacking = [message.id for message in found if message.id and (message.id not in known or not known[message.id].string)]
    assert lacking == []
    assert list(catalogues.missing(known)) == []


def test_no_translation_is_a_guess():
    """A fuzzy one is left out of what is compiled: the page would speak English."""
    assert [message.id for message in catalogues.read("ru") if message.fuzzy and message.id] == []
    assert "#, fuzzy" not in catalogues.po_file("ru").read_text("utf-8")


def test_no_translation_is_left_over(found: Catalog):
    assert [message.id for message in catalogues.read("ru") if message.id and message.id not in found] == []


def test_a_translation_uses_the_parameters_of_its_sentence():
    for message in catalogues.read("ru"):
        asked = message.id if isinstance(message.id, tuple) else (message.id,)
        given = message.string if isinstance(message.string, tuple) else (message.string,)
        names = {name for text in asked for name in re.findall(r"%\((\w+)\)s", text)}
        for text in given:
            assert set(re.findall(r"%\((\w+)\)s", text)) == names, message.id


def test_the_compiled_catalogue_is_the_committed_one():
    assert catalogues.po_file("ru").with_suffix(".mo").read_bytes() == catalogues.compiled(catalogues.read("ru"))


def test_no_sentence_shouts(found: Catalog):
    for message in found:
        for text in message.id if isinstance(message.id, tuple) else (message.id,):
            assert "!" not in text, text
