"""Assets: what a browser gets, and how long it may keep it."""
import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from app import errors
from app.web import assets


def browser() -> TestClient:
    async def refuse(request: Request, failure: Exception) -> Response:
        return Response(status_code=404 if isinstance(failure, errors.NotFound) else 500)

    return TestClient(Starlette(routes=assets.routes, exception_handlers={errors.TesseraError: refuse}))


def test_an_asset_under_todays_digest_may_be_kept_for_ever():
    answer = browser().get(assets.url("css/today.css"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/css")


def test_an_asset_under_an_old_digest_is_todays_file_and_is_asked_for_again():
    answer = browser().get("/static/0123456789ab/js/live.js")
    assert answer.content == assets.every()["js/live.js"].body
    assert answer.headers["cache-control"] == "no-cache"


def test_a_name_outside_the_folder_does_not_exist():
    for name in ("css/tokens.css", "../app/main.py", "css/../../app/errors.py", "js/", ""):
        assert browser().get(f"/static/{assets.digest()}/{name}").status_code == 404


def test_a_bundle_loses_its_comments_and_keeps_its_rules():
    css = assets.compact("/* why */\n.a , .b > .c {\n  color: red;\n  margin: calc(1px + 2px);\n}\n"
                         "@media (width: 2rem) { a :hover { top: 0 } }\n")
    assert css == ".a,.b > .c{color:red;margin:calc(1px + 2px)}@media (width:2rem){a :hover{top:0}}"


def test_every_style_sheet_is_sent_by_some_page_and_every_bundle_is_used_by_some_page():
    files = {file.stem for file in (assets.ROOT / "css").iterdir()}
    assert files == {part for parts in assets.BUNDLES.values() for part in parts}
    templates = "".join(file.read_text("utf-8") for file in (Path(assets.__file__).parents[1] / "templates").rglob("*.html"))
    assert set(re.findall(r'{% set kind = "([\w-]+)" %}', templates)) == set(assets.BUNDLES)


def test_every_class_of_a_component_that_a_template_uses_has_a_style():
    """A renamed component leaves no page behind."""
    styles = "".join(file.read_text("utf-8") for file in (assets.ROOT / "css").iterdir())
    known = set(re.findall(r"\.([a-z][\w-]*)", styles))
    for file in (Path(assets.__file__).parents[1] / "templates").rglob("*.html"):
        for names in re.findall(r'class="([\w -]+)"', file.read_text("utf-8")):
            for name in names.split():
                # A block may have no style of its own, only its parts.
                assert name in known or f".{name}__" in styles, f"{file.name}: .{name}"


def test_styles_hold_no_address_of_another_site_and_scripts_import_only_their_neighbours():
    # Pictures hold none, and the extra that reads codes is told where its program lies.
    for name, asset in assets.every().items():
        if name.endswith(".png") or name.startswith(assets.READER + "/"):
            continue
        text = asset.body.decode()
        assert not re.findall(r"https?://(?!www\.w3\.org/)", text), name
        assert not re.findall(r"@import|url\(", text) or not name.startswith("css/"), name
        if name.startswith("js/"):
            imported = re.findall(r'^(?:import|export|\}) (?:[\w{}*, ]* from )?"([^"]*)";', text, flags=re.MULTILINE)
            assert all(each.startswith("./") and f"js/{each[2:]}" in assets.every() for each in imported), name


def test_a_page_that_is_kept_for_later_names_every_module_that_its_script_leads_to():
    named = assets.modules("offline_till.js")
    assert named[0] == assets.url("js/offline_till.js") and len(set(named)) == len(named)
    for name in named:
        imported = re.findall(r'^import .* from "\./([\w.]+)";$', assets.every()[name.split("/", 3)[3]].body.decode(), flags=re.MULTILINE)
        assert {assets.url(f"js/{each}") for each in imported} <= set(named), name


def test_a_bundle_names_no_value_that_nothing_in_it_asks_for():
    begin, end = ":root{--a:1;--b:var(--a);", "--brand:#123456;color-scheme:light dark}p{margin:var(--b)}@media print{:root{--b:0}}"
    assert assets.used(f"{begin}--c:var(--d);--d:2;{end}") == begin + end
