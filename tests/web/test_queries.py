"""A query that is split says what Starlette's parser says of it."""
import pytest
from starlette.requests import Request

from app.web.requests import query_of


@pytest.mark.parametrize("query", [
    "", "code=9000000000000005", "code=1&limit=2&code=3", "code", "code=", "=1", "&&code=1&", "code=1=2", "code=a;b=c",
    "code=%31", "c%6fde=1", "code=a+b", "code=%D1%8F&limit=%", "code=я",
])
def test_a_query_says_the_same_whether_it_is_split_or_parsed(query):
    request = Request({"type": "http", "query_string": query.encode(), "headers": []})
    assert dict(query_of(request)) == dict(request.query_params)
