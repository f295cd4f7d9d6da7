import pytest

from app.db.parameters import numbered, without_literals


@pytest.mark.parametrize(("query", "text", "names"), [
    ("SELECT :a", "SELECT $1", ("a",)),
    ("SELECT :b, :a, :b", "SELECT $1, $2, $1", ("b", "a")),
    ("SELECT :a::bigint, CAST(:b AS TEXT)", "SELECT $1::bigint, CAST($2 AS TEXT)", ("a", "b")),
    ("SELECT 'at 10:30', ':a', 'it''s :b', :c", "SELECT 'at 10:30', ':a', 'it''s :b', $1", ("c",)),
    (r"SELECT E'\':a', e'it''s :x', :b", r"SELECT E'\':a', e'it''s :x', $1", ("b",)),
    ('SELECT ":a" FROM "x:y" WHERE z=:z', 'SELECT ":a" FROM "x:y" WHERE z=$1', ("z",)),
    ("SELECT 1 -- :a it's\n, :b", "SELECT 1 -- :a it's\n, $1", ("b",)),
    ("SELECT /* :a ' \n */ :b", "SELECT /* :a ' \n */ $1", ("b",)),
    ("SELECT $$ :a $$, $tag$ :b $$ $tag$, :c", "SELECT $$ :a $$, $tag$ :b $$ $tag$, $1", ("c",)),
    ("SELECT list[1:2], :n", "SELECT list[1:2], $1", ("n",)),
    ("SELECT (:a)+:a_b-:a1", "SELECT ($1)+$2-$3", ("a", "a_b", "a1")),
    ("SELECT '{\"k\":true}'", "SELECT '{\"k\":true}'", ()),
    ("SELECT x FROM t WHERE x=:x AND y LIKE '%:y'", "SELECT x FROM t WHERE x=$1 AND y LIKE '%:y'", ("x",)),
])
def test_names_become_numbers_and_nothing_else_changes(query: str, text: str, names: tuple[str, ...]):
    assert numbered(query) == (text, names)


def test_a_text_is_translated_once():
    query = "SELECT :only_here"
    assert numbered(query) is numbered(query)


def test_literals_and_comments_are_no_keywords():
    assert without_literals("CHECK (a <> 'DEFERRABLE') -- OR ROLLBACK\n, \"RAISE\" INT").split() == ["CHECK", "(a", "<>", ")", ",", "INT"]
