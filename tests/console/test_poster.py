"""The poster's page and its PDF, which other programs read back."""
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from app.enrolment.poster import WORDS
from app.programs import service as programs
from app.programs.rules import ProgramRules
from tests.console.visiting import rows, value_of, words_of
from tests.shops import RULES

PAGE, PDF = "/console/poster", "/console/poster/poster.pdf"


def run(*command: str | Path) -> str:
    assert shutil.which(str(command[0])), f"{command[0]} is missing; `make test` installs it"
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout


async def asked(visitor, path=PAGE, language="en", **query):
    return await visitor.client.get(path, params=query, headers={"Cookie": visitor.cookie, "Accept-Language": language})


async def read_back(visitor, folder: Path, **query) -> tuple[str, str, str]:
    """(what its code says, its words, its size) of a downloaded poster."""
    answer = await asked(visitor, PDF, **query)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/pdf"
    path = folder / "poster.pdf"
    path.write_bytes(answer.content)
    run("pdftoppm", "-r", "110", "-png", path, folder / "page")
    [picture] = folder.glob("page*.png")
    return (run("zbarimg", "-q", "--raw", picture).strip(), " ".join(run("pdftotext", path, "-").split()),
            re.findall(r"Page size: +([\d.]+ x [\d.]+)", run("pdfinfo", path))[0])


@pytest.mark.parametrize(("size", "points"), [("a4", "595.276 x 841.89"), ("a5", "419.528 x 595.276"), ("table", "297.638 x 420.945")])
@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_downloaded_poster_leads_to_the_enrolment_page(client, tmp_path, manager, size, points, language):
    code, words, sheet = await read_back(manager, tmp_path, size=size, poster_language=language, headline="Free coffee soon",
                                         source="У двери")
    assert code == "https://cards.example.com/e/coffee/points?from=u-dveri" and sheet == points
    assert "Free coffee soon" in words and "cards.example.com/e/coffee" in words and WORDS[language]["steps"][0] in words
    assert (await client.get(code.removeprefix("https://cards.example.com"))).status_code == 200


@pytest.mark.parametrize(("language", "headline"), [("en", "5 points for every 100 ₽"), ("ru", "5 баллов за каждые 100 ₽")])
async def test_the_page_shows_what_will_be_printed(manager, language, headline):
    answer = await asked(manager, poster_language=language)
    assert value_of(answer, "headline") == headline and all(step in words_of(answer) for step in WORDS[language]["steps"])
    assert "We scanned the code on this very page" in words_of(answer)
    assert 'value="https://cards.example.com/e/coffee/points"' in answer.text
    [pdf] = re.findall(r'href="(/console/poster/poster\.pdf\?[^"]+)"', answer.text)
    assert parse_qs(urlsplit(unescape(pdf)).query)["headline"] == [headline]


async def test_a_headline_that_nobody_typed_follows_the_language(manager):
    english = value_of(await asked(manager, poster_language="en"), "headline")
    switched = await asked(manager, poster_language="ru", headline=english)
    assert value_of(switched, "headline") == "5 баллов за каждые 100 ₽"
    assert value_of(await asked(manager, poster_language="ru", headline="Mine"), "headline") == "Mine"


async def test_a_programme_that_gives_nothing_has_its_business_on_the_poster(here, shop, manager):
    rules = ProgramRules(earn_points=0, earn_per_minor=RULES.earn_per_minor, worth_minor=100)
    await programs.change_rules(here.db, shop.who, shop.program_id, rules, here.clock.now())
    assert value_of(await asked(manager), "headline") == "Coffee corner"


@pytest.mark.parametrize(("query", "said"), [
    ({"headline": "x" * 81}, "at most 80 letters"), ({"headline": "a\x07b"}, "at most 80 letters"),
    ({"source": "y" * 41}, "at most 40 letters"),
    ({"size": "a3"}, "sizes and languages that are offered"), ({"poster_language": "de"}, "sizes and languages that are offered")])
async def test_a_wrong_choice_is_told_beside_what_was_typed_and_prints_nothing(here, manager, query, said):
    before = await rows(here)
    answer = await asked(manager, **query)
    assert answer.status_code == 422 and said in words_of(answer) and "poster.pdf" not in answer.text
    for name in {"headline", "source"} & set(query):
        assert value_of(answer, name) == query[name]
    refused = await asked(manager, PDF, **query)
    assert refused.status_code == 422 and said in words_of(refused) and await rows(here) == before


async def test_markup_in_a_headline_is_only_text(manager):
    answer = await asked(manager, headline="<script>alert(1)</script> & more")
    assert "<script>alert" not in answer.text and "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in answer.text
