"""Bodies that programs should not send, made from the OpenAPI document, so that a new field is tried by itself."""
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest

from app.till import openapi
from app.till.api import CALLS
from app.web.forms import UPLOAD_PATIENCE
from tests.flows import everybody
from tests.flows.world import Caller, Row, Rows, World, rows, signed_in

POSTS = {row.path: row for row in rows() if row.method == "POST"}
EXTRA = ("business_id", "acting_business_id", "role", "balance", "created_at", "consent_at", "id", "__class__", "Amount")
WRITING = ("post", "put")
JSON = {"Content-Type": "application/json"}
# What is too large here is read on, unkept: a browser that is cut off while it sends shows its own words instead of ours.
UPLOADS = ("/console/brand/{kind}", "/console/certificates", "/console/google")
DOCUMENT = openapi.parsed(CALLS, "https://cards.example.com")
Path_ = tuple[str | int, ...]


def schema_of(schema: dict[str, Any]) -> dict[str, Any]:
    """Without references and without the null of what may be left out."""
    if "$ref" in schema:
        return schema_of(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return schema_of(next(each for each in schema["anyOf"] if each.get("type") != "null"))
    return {"type": "string", **schema} if "enum" in schema else schema


def bodies(method: str = "post") -> list[tuple[str, dict[str, Any]]]:
    """(path, schema) of every call with this method that takes a body."""
    found = []
    for path, methods in DOCUMENT["paths"].items():
        if "requestBody" in methods.get(method, {}):
            path = path if path.startswith("/api/") else "/api/v1" + path
            found.append((path, schema_of(methods[method]["requestBody"]["content"]["application/json"]["schema"])))
    return found


def nodes(schema: dict[str, Any], at: Path_ = ()) -> Iterator[tuple[Path_, dict[str, Any]]]:
    """Every value that a body may hold, with the way to it."""
    schema = schema_of(schema)
    yield at, schema
    if schema.get("type") == "object":
        for name, each in schema.get("properties", {}).items():
            yield from nodes(each, (*at, name))
    if schema.get("type") == "array":
        yield from nodes(schema["items"], (*at, 0))


def sample(schema: dict[str, Any]) -> Any:
    """A value of the right kind."""
    schema = schema_of(schema)
    if "enum" in schema:
        return next(each for each in schema["enum"] if each is not None)
    kinds = {"object": lambda: {name: sample(each) for name, each in schema.get("properties", {}).items()
                                if name in schema.get("required", ())},
             "array": list, "integer": lambda: max(1, schema.get("minimum", 1)), "boolean": lambda: True,
             "string": lambda: "2026-11-22T09:00:00Z" if schema.get("format") == "date-time" else "text"}
    return kinds[schema["type"]]()


def placed(body: Any, schema: dict[str, Any], at: Path_, value: Any) -> Any:
    """`body` with `value` at the end of the way, and what the way needs."""
    if not at:
        return value
    schema, step = schema_of(schema), at[0]
    if isinstance(step, int):
        return [placed(sample(schema["items"]), schema["items"], at[1:], value)]
    below = schema["properties"][step]
    inside = body.get(step) if isinstance(body, dict) else None
    return {**body, step: placed(inside if inside is not None else sample(below), below, at[1:], value)}


def named(at: Path_) -> str:
    """`lines[0].amount`"""
    return re.sub(r"\.\[", "[", ".".join(f"[{step}]" if isinstance(step, int) else step for step in at))


def text_of(body: Any, literal: str) -> bytes:
    """JSON in which the value "@" is written as `literal`, which need not be JSON."""
    return json.dumps(body).replace('"@"', literal).encode()


WRONG = {
    "integer": ('1.5', '"5"', "true", "9223372036854775808", "1" + "0" * 400, "1e309", "NaN", "-Infinity", "[]", "{}", "1e2", "0x10", "٣"),
    "string": ("5", "true", "[]", "{}", r'"\ud800"', r'"\u0000"', r'"\x41"', '"' + "\t" + '"'),
    "boolean": ("1", '"true"', "[]"), "object": ("5", '"x"', "[]", "true"), "array": ("5", '"x"', "{}", "[null]", "[[]]"),
}


@pytest.mark.goal("M7", "B13")
async def test_every_value_of_another_kind_is_refused_wherever_a_body_may_hold_it(world: World, key: Caller, all_rows: Rows) -> None:
    wrong, tried = [], 0
    for path, schema in bodies():
        row = POSTS[path]
        for at, node in nodes(schema):
            literals = list(WRONG[node["type"]])
            literals += ["-1"] * (node.get("minimum", -1) >= 0) + ['"none of them"'] * ("enum" in node)
            for literal in literals if at else ("5", '"x"', "[]", "true"):
                answer = await post(world, key, row, text_of(placed(world.body(row) or {}, schema, at, "@"), literal))
                tried += 1
                told = answer.json() if answer.status_code in (400, 422) else {}
                if answer.status_code == 422 and named(at).removesuffix("[0]") != told["errors"][0]["field"].removesuffix("[0]"):
                    wrong.append(f"{path} {named(at)} = {literal[:30]}: {told['errors']} names another field")
                is_number = "integer" in (node["type"], node.get("items", {}).get("type") if literal in ("[null]", "[[]]") else "")
                if answer.status_code == 422 and (told["errors"][0]["code"] == "integer") != is_number:
                    wrong.append(f"{path} {named(at)} = {literal[:30]}: {told['errors']} asks for another kind")
                if answer.status_code not in (400, 422) or not told["detail"] or all_rows.changed():
                    wrong.append(f"{path} {named(at)} = {literal[:30]}: {answer.status_code} {answer.text[:80]} {all_rows.changed()}")
    assert wrong == []
    assert tried > 300


async def post(world: World, key: Caller, row: Row, content: bytes | AsyncIterator[bytes], **headers: str) -> httpx2.Response:
    sent = {**key.headers, **JSON, "Idempotency-Key": f"bad-{next(_count)}", **headers}
    return await world.client.request(row.method, world.address(row), content=content, headers=sent)


_count = itertools.count(1)


def is_map(node: dict[str, Any]) -> bool:
    """Whether its fields are the caller's own words, as answers are named by a programme's questions."""
    return isinstance(node.get("additionalProperties"), dict)


def test_every_call_that_writes_is_tried_with_more_than_it_takes() -> None:
    tried = {(method, path) for method in WRITING for path, _ in bodies(method)}
    assert tried == {(row.method.lower(), row.path) for row in rows("key") if row.method not in ("GET", "DELETE")}


@pytest.mark.goal("B13")
@pytest.mark.parametrize("method", WRITING)
async def test_a_field_that_is_not_known_is_refused_by_name_in_every_body_and_every_part_of_one(
        world: World, key: Caller, all_rows: Rows, method: str) -> None:
    wrong, tried = [], 0
    for path, schema in bodies(method):
        row = next(each for each in rows("key") if (each.method.lower(), each.path) == (method, path))
        for at, node in [(at, node) for at, node in nodes(schema) if node["type"] == "object" and not is_map(node)]:
            assert node["additionalProperties"] is False, f"{path} {named(at)}: the document says that more is welcome"
            whole = placed(world.body(row) or {}, schema, at, "@") if at else None
            inside = sample(node) if at else world.body(row) or {}
            for extra in EXTRA:
                body = json.dumps({**inside, extra: 7})
                answer = await post(world, key, row, text_of(whole, body) if at else body.encode())
                tried += 1
                told, field = answer.json().get("errors", [{}])[0], ".".join(filter(None, (named(at), extra)))
                if (answer.status_code, told.get("code"), told.get("field")) != (422, "unknown_field", field):
                    wrong.append(f"{path} {named(at)} with {extra}: {answer.status_code} {answer.text[:100]}")
                if all_rows.changed():
                    wrong.append(f"{path} {named(at)} with {extra}: changed {all_rows.changed()}")
    assert wrong == []
    assert tried > 9 * len(bodies(method))


@pytest.mark.goal("B8", "B9")
async def test_a_text_of_sixty_kilobytes_is_refused_wherever_a_body_may_hold_one(world: World, key: Caller, all_rows: Rows) -> None:
    wrong = []
    for path, schema in bodies():
        row = POSTS[path]
        for at, _ in [(at, node) for at, node in nodes(schema) if node["type"] == "string"]:
            for text in ("x" * 60_000, "٪" * 20_000, "e\\u0301" * 8_000):
                answer = await post(world, key, row, text_of(placed(world.body(row) or {}, schema, at, "@"), f'"{text}"'))
                if not 400 <= answer.status_code < 500 or len(answer.content) > 5_000 or all_rows.changed():
                    wrong.append(f"{path} {named(at)}: {answer.status_code} {answer.text[:80]} {all_rows.changed()}")
    assert wrong == []


@pytest.mark.goal("B9")
async def test_json_nested_without_end_is_refused_everywhere(world: World, key: Caller, all_rows: Rows) -> None:
    for path, _ in bodies():
        for content in (b"[" * 60_000, b'{"lines":' * 7_000, b'{"lines":' + b"[" * 60_000, b'{"customer":' * 5_000):
            answer = await post(world, key, POSTS[path], content)
            assert answer.status_code in (400, 422), path
            assert answer.json()["detail"]
        assert (await post(world, key, POSTS[path], b"[" * 100_000)).status_code == 413
    for path in ("/apple/{short}/v1/log", "/apple/{short}/v1/devices/{device}/registrations/{pass_type}/{serial}"):
        assert (await world.client.post(world.address(POSTS[path]), content=b'{"logs":' + b"[" * 60_000)).status_code in (400, 401)
    assert all_rows.changed() == []


@pytest.mark.goal("B9")
@pytest.mark.parametrize("length", [None, "10", "0", "65536"])
async def test_no_door_reads_a_body_without_end_whatever_its_length_says(
        world: World, key: Caller, all_rows: Rows, length: str | None) -> None:
    """A gigabyte is offered, in pieces; the server stops taking after its cap."""
    bodiless = ("/till/sign-out", "/console/sign-out", "/console/sign-in/passkey/options", "/a/{link}/not-me", "/c/{token}/stop",
                "/c/{token}/code", "/c/{token}/at-till", "/c/{token}/google", "/k/{token}/keep", "/c/{token}/messages/stop",
                "/c/{token}/another", "/d/{token}", "/operator/sign-out")
    operator = await everybody.operator(world)
    all_rows.keep()
    for row in [row for row in rows() if row.method == "POST" and row.path not in bodiless]:
        for piece in (b"a" * 16_384, b"&" * 16_384, b"code=" + b"%41" * 5_000 + b"&"):
            taken = 0

            async def endless() -> AsyncIterator[bytes]:
                nonlocal taken
                while taken < 2**30:
                    taken += len(piece)
                    yield piece
            caller = {"key": key, "operator": operator}.get(row.kind) or await signed_in(world, row)
            kind = "application/json" if row.path.startswith(("/api/", "/apple/")) else "application/x-www-form-urlencoded"
            headers = {**caller.headers, "Content-Type": kind, "Idempotency-Key": "endless"}
            headers |= {"Content-Length": length} if length else {}
            answer = await world.client.post(world.address(row), content=endless(), headers=headers)
            assert answer.status_code in (400, 401, 403, 404, 410, 413, 422), (row.path, answer.status_code)
            most = UPLOAD_PATIENCE + 2 * 16_384 if row.path in UPLOADS else 20 * 16_384
            assert taken <= most, f"{row.path} took {taken} bytes"
    assert [table for table in all_rows.changed() if table != "sessions"] == []


@pytest.mark.goal("B9")
async def test_headers_over_sixteen_kilobytes_are_431_at_every_door(world: World, all_rows: Rows) -> None:
    for row in rows():
        answer = await world.client.request(row.method, world.address(row), headers={"X-Long": "x" * 17_000})
        assert answer.status_code == 431, row.path
        cookies = "; ".join(f"c{number}={'x' * 90}" for number in range(200))
        answer = await world.client.request(row.method, world.address(row), headers={"Cookie": cookies})
        assert answer.status_code == 431, row.path
    assert all_rows.changed() == []
