"""Reading a design's folder; a mistake in it is told by name when the server starts, not when a pass is built."""
import re
import shutil

import pytest

from app.designs.template import FOLDER, load
from app.errors import SettingsError
from app.programs.kinds import KINDS
from app.web.templating import TEMPLATES

every_design = pytest.mark.parametrize("name", sorted(place.name for place in FOLDER.iterdir() if place.is_dir()))
BELOW = '\n[[fields]]\nkey = "{key}"\nlabel = "name_label"\nvalue = "vouchers"\nformat = "number"\napple = "{place}"\n'


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "all")
    return tmp_path / "all" / "points"


def edit(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_the_points_design_is_complete():
    template = load("points")
    assert (template.kind, template.style, template.languages) == ("points", "storeCard", ("en", "ru"))
    assert [field.key for field in template.fields if field.apple == "header"] == ["points"]
    assert len(template.images) == 9


def test_every_kind_has_a_design_and_every_design_a_kind():
    assert {kind.template for kind in KINDS.values()} == {place.name for place in FOLDER.iterdir() if place.is_dir()}
    assert all(load(kind.template).kind == kind.template for kind in KINDS.values())


def test_every_operation_that_pages_name_has_a_word_on_passes():
    pages = (TEMPLATES / "parts/history.html").read_text("utf-8").split("macro what")[1].split("endmacro")[0]
    kinds = set(re.findall(r'"(\w+)": _', pages))
    assert len(kinds) > 10
    assert {f"operation_{kind}" for kind in kinds} <= load("points").words["ru"].keys()


@every_design
def test_nothing_personal_has_a_row_at_google(name):
    template = load(name)
    told = {field.value for field in (*template.fields, *template.extras) if field.google is not None}
    assert not told & {"name", "page_link", "stop_link", "history"}


@every_design
def test_every_design_announces_one_change_and_speaks_every_language(name):
    template = load(name)
    [announced] = [field.changes for field in template.fields if field.changes]
    assert {"en", "ru"} <= set(template.languages)
    assert all(template.words[language][announced].count("%@") == 1 for language in template.languages)


@pytest.mark.parametrize(("file", "old", "new", "said"), [
    ("design.toml", 'key = "name"', 'key = "points"', "the field points stands twice"),
    ("design.toml", 'key = "name"', 'key = "rules"', "the field rules stands twice"),
    ("design.toml", 'value = "balance"', 'value = "coins"', "has the value coins; there are balance"),
    ("design.toml", 'label = "worth_label"', 'label = "price_label"', "the field worth .* names an entry that is missing"),
    ("../extras.toml", 'text = "rules"', 'text = "terms"', "names an entry that is missing"),
    ("../extras.toml", 'text = "about"', 'text = "about"\nvalue = "visits"', "has not one value"),
    ("../extras.toml", 'key = "about"\nlabel = "about_label"\ntext = "about"\napple = "back"',
     'key = "about"\nlabel = "about_label"\ntext = "about"\napple = "header"', "about of extras.toml is not a silent field on the back"),
    ("design.toml", 'changes = "points_changed"  #', "#", "exactly one field announces its changes"),
    ("design.toml", 'google = "secondaryLoyaltyPoints"', 'changes = "points_changed"', "exactly one field announces its changes"),
    ("ru.toml", 'на карте: %@"', 'на карте"', "points_changed of ru.toml needs %@ once"),
    ("en.toml", 'card: %@"', 'card: %@ %@"', "points_changed of en.toml needs %@ once"),
    ("design.toml", 'apple = "header"', 'apple = "top"', "Invalid enum value 'top'"),
    ("design.toml", 'apple = "secondary"', 'apple = "primary"', "2 primary fields; 1 have room"),
    ("design.toml", 'format = "money"', 'format = "number"', "the field worth is shown as number; worth is a money"),
    ("design.toml", 'format = "day"', 'format = "text"', "the field expires is shown as text; expires_on is a day"),
    ("design.toml", 'value = "name"', 'value = "name"\ngoogle = "textModulesData"', "nothing personal lies there"),
    ("design.toml", 'google = "secondaryLoyaltyPoints"', 'google = "loyaltyPoints"', "two fields are loyaltyPoints at Google"),
    ("design.toml", 'google = "secondaryLoyaltyPoints"', 'google = "accountName"', "Invalid enum value 'accountName'"),
    ("design.toml", 'background = "#0f4546"', 'background = "teal"', "teal is no colour"),
    ("design.toml", 'style = "storeCard"', 'style = "eventTicket"', "Invalid enum value 'eventTicket'"),
    ("design.toml", 'kind = "points"', 'kind = "points', "cannot be read"),
    ("ru.toml", "expires_label", "extra_label", "do not have the same entries"),
    ("ru.toml", 'name_label = "Имя"', 'name_label = " "', "name_label of ru.toml is empty"),
    ("ru.toml", 'name_label = "Имя"', "name_label = 1", "something other than texts")])
def test_a_mistake_in_the_folder_is_said_with_its_place(copy, file, old, new, said):
    edit(copy / file, old, new)
    with pytest.raises(SettingsError, match=said):
        load("points", copy.parent)


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(SettingsError, match="missing cannot be read"):
        load("missing", tmp_path)


@pytest.mark.parametrize(("places", "said"), [
    (["secondary", "auxiliary"], "5 secondary and auxiliary fields; 4 have room"), (["header"] * 3, "4 header fields; 3 have room")])
def test_more_fields_than_a_store_card_has_room_for_are_refused(copy, places, said):
    more = "".join(BELOW.format(key=f"more{at}", place=place) for at, place in enumerate(places))
    (copy / "design.toml").write_text((copy / "design.toml").read_text("utf-8") + more, "utf-8")
    with pytest.raises(SettingsError, match=said):
        load("points", copy.parent)


def test_a_coupon_has_two_rows_below_and_so_room_for_eight_fields(copy):
    text = (copy / "design.toml").read_text("utf-8").replace("storeCard", "coupon")
    more = "".join(BELOW.format(key=f"more{at}", place=place) for at, place in enumerate(["secondary"] * 3 + ["auxiliary"] * 2))
    (copy / "design.toml").write_text(text + more, "utf-8")
    assert len(load("points", copy.parent).fields) == 10
    (copy / "design.toml").write_text(text + more + BELOW.format(key="one", place="auxiliary"), "utf-8")
    load.cache_clear()
    with pytest.raises(SettingsError, match="5 auxiliary fields; 4 have room"):
        load("points", copy.parent)


def test_a_language_is_a_file(copy):
    shutil.copy(copy / "en.toml", copy / "de.toml")
    edit(copy / "de.toml", '"Off at the till"', '"Rabatt an der Kasse"')
    template = load("points", copy.parent)
    assert template.languages == ("en", "de", "ru")
    assert template.words["de"]["worth_label"] == "Rabatt an der Kasse"
    assert template.words["de"]["rules_label"] == "How it works"        # the shared words have no German yet
    shutil.copy(copy.parent / "extras.en.toml", copy.parent / "extras.de.toml")
    edit(copy.parent / "extras.de.toml", '"How it works"', '"So geht es"')
    load.cache_clear()
    assert load("points", copy.parent).words["de"]["rules_label"] == "So geht es"


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_design_without_a_language_that_businesses_write_is_refused(copy, language):
    (copy / f"{language}.toml").unlink()
    with pytest.raises(SettingsError, match=rf"{language}\.toml is missing"):
        load("points", copy.parent)
