"""Pages: what every template keeps to, and the answer around it."""
import io
import re
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import zxingcpp
from PIL import Image, ImageDraw
from starlette.requests import Request

from app.designs.prepared import prepare
from app.designs.preview import PassView, preview
from app.designs.rules import CardFace, default_content
from app.enrolment.ways import Ways
from app.web import assets, i18n, templating

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
TEMPLATES = sorted(path.relative_to(templating.TEMPLATES).as_posix() for path in templating.TEMPLATES.rglob("*.html"))
OPEN_FORMS = ("enrolment/enrol.html", "enrolment/sent.html", "enrolment/gone.html", "enrolment/lost.html", "enrolment/plastic.html",
              "till/pair.html", "console/forgot.html")
# The demo's own pages, without a cookie too: they ask where a form comes from.
DEMO_FORMS = ("demo/android.html", "demo/android_save.html", "demo/tablet.html")
FIVE_LINES = ["Every 100 ₽ brings 5 points, in proportion, rounded down once for each receipt."] * 5


def request(query: str = "", accept: str = "en") -> Request:
    here = SimpleNamespace(settings=SimpleNamespace(address=lambda path: f"https://cards.example{path}", demo=False))
    return Request({"type": "http", "method": "GET", "scheme": "https", "path": "/e/coffee", "query_string": query.encode(),
                    "headers": [(b"accept-language", accept.encode())], "state": {},
                    "app": SimpleNamespace(state=SimpleNamespace(context=here))})


def view(language: str) -> PassView:
    design = prepare(default_content("Coffee corner", "Кофейный угол"), {"en": FIVE_LINES, "ru": FIVE_LINES})
    face = CardFace("9029581036472915", 320, 32000, "RUB", "Анна", 120, date(2026, 11, 30))
    return preview(design, face, language)


def enrol(language: str) -> dict[str, Any]:
    return {"business_name": "Coffee <corner>", "brand": view(language).css, "view": view(language), "headline": "Five points",
            "action": "/e/coffee", "phone": "", "prefix": "+7 ", "error": "", "closed": "", "promise": FIVE_LINES,
            "email": "", "email_error": "", "refused": "", "ways": Ways(mail=True), "work": "", "has_plastic": True,
            "plastic_url": "/e/coffee/points/card", "page_address": "https://cards.example/e/coffee", "share_picture": "",
            "earns_until": None, "spends_until": None, "zone": "Europe/Moscow", "now": NOW, "lost_url": "/e/coffee/lost"}


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("language", list(i18n.LANGUAGES))
def test_every_template_compiles_in_every_language(name: str, language: str):
    templating.environment(language).get_template(name)


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_template_carries_an_inline_script_a_style_attribute_or_trusted_text(name: str):
    text = (templating.TEMPLATES / name).read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\sstyle=|\son[a-z]+=\"|javascript:", text)
    assert not re.search(r"\|\s*safe\b|autoescape false", text)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_posted_form_carries_the_hidden_token(name: str):
    """Open to anybody are the forms of enrolment, of a pairing, whose code authorises, and of a lost password: no cookie is behind them."""
    text = (templating.TEMPLATES / name).read_text("utf-8")
    if name in OPEN_FORMS + DEMO_FORMS:
        return
    # A macro of the page that begins its forms with the token.
    kept = re.findall(r"{% macro (\w+\(\)) %}{{ csrf\(\) }}", text)
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", text, re.DOTALL):
        assert any(token in form for token in ("csrf()", "csrf_field()", *kept)), form[:120]


def test_styles_inside_a_page_carry_the_nonce_of_its_policy():
    answer = templating.render(request(), "enrolment/enrol.html", enrol("en"))
    [nonce] = re.findall(r"style-src 'self' 'nonce-([\w-]+)'", answer.headers["content-security-policy"])
    styles = re.findall(r"<style([^>]*)>", answer.body.decode())
    assert styles
    assert set(styles) == {f' nonce="{nonce}"'}
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_a_page_speaks_the_language_that_is_asked_for_and_says_so():
    answer = templating.render(request(accept="ru"), "enrolment/enrol.html", enrol("ru"))
    assert '<html lang="ru"' in answer.body.decode()
    assert "Прислать карту" in answer.body.decode()
    assert "Accept-Language" in answer.headers["vary"]


def test_the_switch_of_languages_is_remembered_and_keeps_the_rest_of_the_address():
    answer = templating.render(request("from=door&lang=ru"), "enrolment/enrol.html", enrol("ru"))
    assert "lang=ru" in answer.headers["set-cookie"]
    assert 'href="?from=door&amp;lang=en"' in answer.body.decode()
    assert "set-cookie" not in templating.render(request("lang=xx"), "enrolment/enrol.html", enrol("en")).headers


def test_what_a_business_types_is_never_markup():
    assert "Coffee &lt;corner&gt;" in templating.render(request(), "enrolment/enrol.html", enrol("en")).body.decode()


def test_a_page_with_a_form_that_was_given_no_token_fails():
    with pytest.raises(RuntimeError, match="csrf_token"):
        templating.render(request(), "till/sign_in.html", {"action": "/x", "email": "", "error": "", "demo": None})


def test_a_missing_value_fails_instead_of_showing_nothing():
    with pytest.raises(Exception, match="headline"):
        templating.render(request(), "enrolment/enrol.html", {name: value for name, value in enrol("en").items() if name != "headline"})


def test_colours_are_checked_before_they_become_a_style_sheet():
    assert templating.brand_css({"--brand": "#0f4546", "--brand-ui": "light-dark(#0f4546, #7cc7c4)"}) == (
        ":root{--brand:#0f4546;--brand-ui:light-dark(#0f4546, #7cc7c4)}")
    for name, value in (("--brand", "red;}</style><b>"), ("--brand", "url(https://x.example)"), ("brand}", "#000000")):
        with pytest.raises(AssertionError):
            templating.brand_css({name: value})


@pytest.mark.parametrize("level", ["m", "q"])
def test_a_drawn_code_reads(level: str):
    text = "https://cards.example/e/coffee?from=door"
    svg = templating.qr_svg(text, "QR", level)
    [size] = map(int, re.findall(r'viewBox="0 0 (\d+) \1"', svg))
    picture = Image.new("L", ((size + 8) * 4, (size + 8) * 4), 255)
    pen = ImageDraw.Draw(picture)
    for x, y, length in re.findall(r"M(\d+) ([\d.]+)h(\d+)", svg):
        left, top = (int(x) + 4) * 4, (int(float(y)) + 4) * 4
        pen.rectangle((left, top, left + int(length) * 4 - 1, top + 3), 0)
    picture.save(io.BytesIO(), "PNG")
    assert [found.text for found in zxingcpp.read_barcodes(picture)] == [text]


def test_every_icon_a_template_names_is_drawn():
    named = {name for path in TEMPLATES for name in re.findall(r'icon\("([a-z-]+)"', (templating.TEMPLATES / path).read_text("utf-8"))}
    for name in named:
        assert "<path" in templating.icon(name)


def test_every_asset_a_template_names_exists():
    for path in TEMPLATES:
        for name in re.findall(r'asset\("([^"~]+)"\)', (templating.TEMPLATES / path).read_text("utf-8")):
            assert name in assets.every()


def card(language: str) -> dict[str, Any]:
    entry = {"kind": "sale", "at": NOW, "sums": [("points", 34)], "both": None, "earned": 34, "redeemed": 0, "amount_minor": 49000,
             "place": None, "who": None, "url": "/c/x/receipts/1"}
    voucher = {"name": "A coffee of your choice", "code": "3799-8586-20", "piece": None, "since": NOW, "until": NOW}
    mine = {"vouchers": [voucher] * 3, "catalogue": [], "next": {"missing": "30 points", "name": "A coffee", "done": 70, "of": 100},
            "offers": [{"name": "Cocoa", "share": "10%", "until": NOW}] * 5,
            "favourite": {"products": [("tea", "Tea")] * 20, "chosen": "Tea", "sku": "tea", "until": NOW, "again": None}}
    return {**enrol(language), "has_stopped": False, "member_ended": None, "gift": None,
            "csrf_token": "t", "name": "Анна", "status": "active",
            "currency": "RUB", "figures": [("320", "points"), ("3 / 6", "stamps")], "pending": ["12 ₽"], "owes": False,
            "is_membership": False, "level": {"name": "Silver", "next": "Gold", "missing": "1 000 ₽", "perks": ""}, "member_until": None,
            "mine": mine,
            "claimed": False, "once": "k", "favourite_action": "/c/x/favourite", "claim_action": "/c/x/claim", "friends": None,
            "wallets": [("apple", "/c/x/card.pkpass"), ("google", "/c/x/google")], "google_action": "/c/x/google",
            "handover_url": "https://cards.example/c/abcdefghjkmn", "page_url": "/c/x", "events_url": "/c/x/events",
            "worker_url": "/c/x/sw.js", "manifest_url": "/c/x/manifest", "profile_url": "/c/x/profile", "coupon_url": "/c/x/coupon",
            "another_url": "/c/x/another", "number_url": "/c/x/phone", "history_url": "/c/x/history", "count": 200, "worth": "320 ₽",
            "stamps_missing": "3 stamps", "others_action": "/c/x/cards",
            "others": [{"key": "k", "name": "Six coffees", "balance": "3 stamps", "status": "active"}] * 3,
            "asked_later": {"count": 2, "first": "", "url": "/c/x/questions", "bonus": "55 points", "thanked": "50 points"},
            "again": {"is_needed": False, "text": "Мы храним данные " * 10, "title": "Как мы храним данные", "read": "0" * 16,
                      "url": "/e/coffee/terms/terms/ru/3", "action": "/c/x/agree"}, "agreed": False,
            "expiring": {"text": "120 points", "at": NOW, "is_soon": True}, "history": [entry] * 10, "rules": FIVE_LINES,
            "consents": [{"text": "I agree", "granted": True, "at": NOW}] * 2, "stop_action": "/c/x/stop", "stopped": False,
            "lost_url": "/c/x/lost", "replaced": False, "confirm_action": "", "confirm_url": "", "confirmed": False,
            "live": {"url": "/c/x/code", "seconds": 30, "period": 30, "kind": "qr", "still": "9029581036472915",
                     "still_text": "9029 5810 3647 2915"}}


@pytest.mark.goal("V8")
@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(("name", "context"), [("enrolment/enrol.html", enrol), ("cards/card.html", card)])
def test_a_shoppers_page_weighs_at_most_60_kb_with_all_that_it_loads(name: str, context: Any, language: str):
    answer = templating.render(request(accept=language), name, context(language))
    loaded = set(re.findall(r'(?:src|href)="/static/\w+/([^"]+)"', answer.body.decode()))
    total = len(answer.body) + sum(len(assets.every()[one].body) for one in loaded | {"js/sw.js"})
    assert total <= 60 * 1024
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', answer.body.decode().replace('<link rel="canonical" href=', ''))


def test_scripts_are_small_and_none_writes_markup_from_text():
    for name, asset in assets.every().items():
        if name.startswith("js/"):
            assert len(asset.body) < 6000, name
            assert "eval(" not in asset.body.decode()
            assert "document.write" not in asset.body.decode()
