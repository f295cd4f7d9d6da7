"""The poster's page and its PDF, which other programs read back."""
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from app.posters import raster
from app.posters.rules import WORDS
from app.programs import service as programs
from app.programs.rules import ProgramRules
from tests.console.visiting import audited, rows, value_of, words_of
from tests.shops import RULES

PAGE, PDF = "/console/poster", "/console/poster/poster.pdf"


def run(*command: str | Path) -> str:
    assert shutil.which(str(command[0])), f"{command[0]} is missing; `make test` installs it"
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout


async def asked(visitor, path=PAGE, language="en", **query):
    return await visitor.client.get(path, params=query, headers={"Cookie": visitor.cookie, "Accept-Language": language})


def drawing_of(answer) -> str:
    """What the drawn sheet says to those who cannot see it."""
    return unescape(re.search(r'<svg xmlns[^>]*? aria-label="([^"]*)"', answer.text)[1])


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


@pytest.fixture
async def door(manager) -> str:
    """The word of a place in the shop's only street."""
    answer = await manager.post("/console/poster/places", {"place": "У двери", "shop": ""})
    assert answer.status_code == 303
    return parse_qs(urlsplit(answer.headers["location"]).query)["place"][0]


@pytest.mark.parametrize(("size", "points"), [("a4", "595.276 x 841.89"), ("a5", "419.528 x 595.276")])
@pytest.mark.parametrize("language", ["en", "ru"])
async def test_the_downloaded_poster_leads_to_the_enrolment_page(client, tmp_path, manager, door, size, points, language):
    code, words, sheet = await read_back(manager, tmp_path, size=size, poster_language=language, headline="Free coffee soon", place=door)
    assert code == "https://cards.example.com/e/coffee/points?from=u-dveri" and sheet == points
    assert "Free coffee soon" in words and "cards.example.com/e/coffee" in words and WORDS[language]["steps"][0] in words
    assert (await client.get(code.removeprefix("https://cards.example.com"))).status_code == 200


@pytest.mark.parametrize(("kind", "media", "begins"), [("svg", "image/svg+xml", b"<?xml"), ("png", "image/png", b"\x89PNG")])
async def test_each_form_of_a_sheet_is_a_download_of_its_own(manager, door, kind, media, begins):
    answer = await asked(manager, f"/console/poster/poster.{kind}", size="screen", place=door, poster_language="both")
    assert answer.headers["content-type"] == media and answer.content.startswith(begins)
    assert answer.headers["content-disposition"] == f'attachment; filename="poster-screen-u-dveri.{kind}"'
    assert raster.codes_in(answer.content, kind) == ["https://cards.example.com/e/coffee/points?from=u-dveri"]


async def test_a_sheet_that_does_not_read_back_is_refused_with_a_sentence(manager, monkeypatch):
    monkeypatch.setattr(raster, "codes_in", lambda file, kind: [])
    for kind in ("pdf", "svg", "png"):
        answer = await asked(manager, f"/console/poster/poster.{kind}", headline="Nothing to scan", size="screen")
        assert answer.status_code == 409 and "could not read it" in answer.text
    assert "could not read its code" in words_of(await asked(manager, headline="Nothing to scan"))


async def test_one_sheet_may_speak_both_languages_with_a_headline_in_each(manager):
    both = await asked(manager, poster_language="both")
    assert (value_of(both, "headline"), value_of(both, "second")) == ("5 points for every 100 ₽", "5 баллов за каждые 100 ₽")
    own = await asked(manager, poster_language="both", headline="Hello", second="Привет")
    label = drawing_of(own)
    assert "Hello" in label and "Привет" in label and all(WORDS[each]["steps"][0] in label for each in WORDS)


async def test_the_page_to_print_shows_the_sheet_alone_in_its_real_size(manager):
    answer = await asked(manager, "/console/poster/print", size="a5", headline="Mine")
    assert answer.status_code == 200 and "@page{size:148mm 210mm;margin:0}" in answer.text and "Mine" in drawing_of(answer)
    assert raster.codes_in(re.search(r"<svg xmlns.*?</svg>(?=</main>)", answer.text, re.DOTALL)[0].encode(), "svg")


async def test_a_place_is_counted_with_the_visits_and_cards_that_it_brings(here, client, shop, manager, ids):
    shop_id = ids.encode("location", shop.location_id)
    made = await manager.post("/console/poster/places", {"place": "Window", "shop": shop_id})
    assert made.status_code == 303 and "place=window" in made.headers["location"]
    for agent in ("Mozilla/5.0 (iPhone)", "Mozilla/5.0 (iPhone)", "TelegramBot (like TwitterBot)"):
        await client.get("/e/coffee/points?from=window", headers={"user-agent": agent})
    await client.get("/e/coffee/points?utm_source=mailing&utm_campaign=spring", headers={"user-agent": "Mozilla/5.0"})
    await here.db.execute(
        "INSERT INTO enrolments(business_id, program_id, phone_hint, language, source, poster, actor_kind, status, created_at, expires_at) "
        "VALUES (:business, :program, '', 'ru', 'poster', 'window', 'shopper', 'activated', 1, 2)",
        {"business": shop.business_id, "program": shop.program_id})
    words = await manager.page("/console/poster")
    assert "Window Pushkin Street 2 1 50 %" in words and "spring – 1 0 –" in words
    assert (await audited(here, shop.business_id))[0] == "poster.place"


@pytest.mark.parametrize(("typed", "status", "said"), [
    ({"place": ""}, 422, "Say where it will hang"), ({"place": "y" * 41}, 422, "at most 40 letters"),
    ({"place": "Door", "shop": "loc_nobody"}, 404, ""), ({"place": "У двери"}, 422, "of this name already")])
async def test_a_wrong_place_is_told_beside_what_was_typed_and_kept_nowhere(here, manager, door, typed, status, said):
    before = await rows(here)
    answer = await manager.post("/console/poster/places", {"shop": "", **typed})
    assert answer.status_code == status and said in words_of(answer) and await rows(here) == before


async def test_another_businesss_shop_is_no_place_of_ours(here, manager, other_shop, ids):
    before = await rows(here)
    answer = await manager.post("/console/poster/places", {"place": "Door", "shop": ids.encode("location", other_shop.location_id)})
    assert answer.status_code == 404 and await rows(here) == before


async def test_a_chosen_colour_is_judged_and_every_word_still_reads(manager):
    pale = words_of(await asked(manager, colour="#f3e9c9"))
    assert "Words on the colour read 1" in pale and "Your labels would read" in pale
    assert 'fill="#f3e9c9"' in (await asked(manager, colour="#F3E9C9")).text


async def test_the_button_is_a_plain_link_that_is_counted_as_the_site(client, manager):
    page = await manager.get("/console/poster/button?button_language=ru")
    [snippet, picture] = [unescape(text) for text in re.findall(r"<textarea[^>]*>(.*?)</textarea>", page.text, re.DOTALL)]
    for html in (snippet, picture):
        assert html.startswith('<a href="https://cards.example.com/e/coffee/points?from=site"') and "script" not in html
    assert "Получить карту" in snippet and 'alt="Получить карту"' in picture
    source = unescape(re.search(r'src="https://cards.example.com(/[^"]+)"', picture)[1])
    answer = await client.get(source)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/svg+xml" and b"<svg" in answer.content
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin" and "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "public, max-age=3600" and answer.headers["content-security-policy"] == "default-src 'none'"
    assert (await client.get("/e/coffee/nothing/button.svg")).status_code == 404


@pytest.mark.parametrize(("language", "headline"), [("en", "5 points for every 100 ₽"), ("ru", "5 баллов за каждые 100 ₽")])
async def test_the_page_shows_what_will_be_printed(manager, language, headline):
    answer = await asked(manager, poster_language=language)
    assert value_of(answer, "headline") == headline and all(step in drawing_of(answer) for step in WORDS[language]["steps"])
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
    ({"place": "nowhere"}, "not on your list"), ({"colour": "red"}, "six digits"),
    ({"second": "x" * 81, "poster_language": "both"}, "at most 80 letters"),
    ({"size": "a3"}, "sizes and languages that are offered"), ({"poster_language": "de"}, "sizes and languages that are offered")])
async def test_a_wrong_choice_is_told_beside_what_was_typed_and_prints_nothing(here, manager, query, said):
    before = await rows(here)
    answer = await asked(manager, **query)
    assert answer.status_code == 422 and said in words_of(answer) and "poster.pdf" not in answer.text
    for name in {"headline", "colour"} & set(query):
        assert value_of(answer, name) == query[name]
    refused = await asked(manager, PDF, **query)
    assert refused.status_code == 422 and said in words_of(refused) and await rows(here) == before


async def test_markup_in_a_headline_is_only_text(manager):
    answer = await asked(manager, headline="<script>alert(1)</script> & more")
    assert "<script>alert" not in answer.text and "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in answer.text
    assert drawing_of(answer).startswith("<script>alert(1)</script> & more")
