"""What keeps a query to a part of a business: conditions for a WHERE, made of numbers alone."""
from collections.abc import Collection


def among(column: str, ids: Collection[int] | None) -> str:
    """` AND column IN (…)`; nothing where `ids` is None: all."""
    return "" if ids is None else f" AND {column} IN ({', '.join(str(int(each)) for each in sorted(ids)) or 'NULL'})"


def at(column: str, row_id: int | None) -> str:
    """` AND column = …`; nothing where `row_id` is None: all."""
    return "" if row_id is None else f" AND {column} = {int(row_id)}"
