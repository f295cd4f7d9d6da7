"""Reading a design's folder; a mistake in it is told by name when the server starts, not when a pass is built."""
import shutil

import pytest

from app.designs.template import FOLDER, load
from app.errors import SettingsError


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(FOLDER / "points", tmp_path / "points")
    return tmp_path / "points"


def edit(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_the_points_design_is_complete():
    template = load("points")
    assert (template.kind, template.style, template.languages) == ("points", "storeCard", ("en", "ru"))
    assert [field.key for field in template.fields if field.apple == "header"] == ["points"]
    assert len(template.images) == 9


def test_googles_object_never_holds_the_address_of_a_cards_page():
    assert [field.google for field in load("points").fields if field.value == "page_link"] == [None]


@pytest.mark.parametrize(("file", "old", "new", "said"), [
    ("design.toml", 'key = "name"', 'key = "points"', "the field points stands twice"),
    ("design.toml", 'value = "balance"', 'value = "coins"', "has the value coins; there are balance"),
    ("design.toml", 'label = "worth_label"', 'label = "price_label"', "the field worth .* names an entry that is missing"),
    ("design.toml", 'text = "rules"', 'text = "terms"', "names an entry that is missing"),
    ("design.toml", 'text = "about"', 'text = "about"\nvalue = "name"', "has not one value"),
    ("design.toml", 'changes = "points_changed"  #', "#", "exactly one field announces its changes"),
    ("design.toml", 'apple = "header"', 'apple = "top"', "Invalid enum value 'top'"),
    ("design.toml", 'kind = "points"', 'kind = "points', "cannot be read"),
    ("ru.toml", "about_label", "extra_label", "do not have the same entries"),
    ("ru.toml", 'about = "{about}"', "about = 1", "something other than texts")])
def test_a_mistake_in_the_folder_is_said_with_its_place(copy, file, old, new, said):
    edit(copy / file, old, new)
    with pytest.raises(SettingsError, match=said):
        load("points", copy.parent)


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(SettingsError, match="missing cannot be read"):
        load("missing", tmp_path)
