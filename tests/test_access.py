"""Goal A1, its data file: every route stands in app/access.csv with who may use it; a route without a row fails the build."""
import csv
from pathlib import Path

import pytest
from starlette.routing import Route

from app.main import all_routes

FILE = Path(__file__).parents[1] / "app" / "access.csv"


def rows_of_the_file() -> set[tuple[str, str, str]]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return {(row["method"], row["path"], row["who"]) for row in csv.DictReader(file)}


def rows_of_the_router() -> set[tuple[str, str, str]]:
    from app.demo import android_pages, pages, phone_pages, receiver, tablet

    found = set()
    for route in [*all_routes(), *pages.routes, *phone_pages.routes, *android_pages.routes, *tablet.routes, *receiver.routes]:
        assert isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}:
            found.add((method, route.path, str(getattr(route, "who", "public" if route.name == "static" else "nobody said"))))
    return found


@pytest.mark.goal("A1")
def test_every_route_has_a_row_and_every_row_a_route() -> None:
    file, router = rows_of_the_file(), rows_of_the_router()
    assert sorted(router - file) == [], "routes without a row in app/access.csv"
    assert sorted(file - router) == [], "rows in app/access.csv without a route"
