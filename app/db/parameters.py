"""`:name` parameters for PostgreSQL, which counts them, `$1`, `$2`, and for SQLite, which binds `?1`, `?2` faster than names.

Left alone: casts (`::bigint`), string literals (also `E'…\\''` and `$tag$…$tag$`), quoted names, comments, array slices
(`[1:2]`), and `:=`.
"""
import functools
import re

_PIECE = re.compile(r"""
      [eE]'(?:[^'\\]|\\.|'')*'                 # an escape string; before the plain one
    | '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | \$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$
    | --[^\n]*
    | /\*.*?\*/                                # PostgreSQL nests them; no text of ours does
    | ::
    | (?<![\w:\[]):(?P<name>[A-Za-z_]\w*)
""", re.S | re.X)


@functools.lru_cache(4096)
def numbered(query: str, mark: str = "$") -> tuple[str, tuple[str, ...]]:
    """The text with `$n` (SQLite: `?n`) and the names in their order; a name used twice has one number."""
    numbers: dict[str, int] = {}

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        return match[0] if name is None else f"{mark}{numbers.setdefault(name, len(numbers) + 1)}"

    return _PIECE.sub(replace, query), tuple(numbers)


def without_literals(query: str) -> str:
    """The text without literals, quoted names and comments: what a search for keywords may look at."""
    return _PIECE.sub(lambda match: match[0] if match["name"] or match[0] == "::" else " ", query)
