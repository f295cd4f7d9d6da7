"""The OpenAPI 3.1 document, made from the calls and the very structs that parse their bodies and make their answers."""
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from app.till import samples, shapes, webhook_shapes
from app.till.calls import KEY_REQUIRED, NO_KEY, Call, Query
from app.till.examples import EXAMPLES
from app.webhooks.rules import KINDS

VERSION = "1.0"
ABOUT = """What cash registers, web shops and back offices call. Amounts are integers in the currency's minor unit, times are RFC 3339 in
UTC. Every POST that does something takes an Idempotency-Key: the same key with the same request gives the same answer for 30
days, with Idempotent-Replay: true; what is set as it shall be (PUT) may simply be sent again. Errors are
application/problem+json (RFC 9457) with a stable code and a sentence for a person in the language of Accept-Language. Another
business's things do not exist for you: 404."""
TAGS = (
    ("Business", "What a key may do, and what the business has."),
    ("Enrolments", "A phone number on its way to a card."),
    ("Cards", "Finding, issuing and changing cards."),
    ("Sales", "Quote, sell, take back."),
    ("Account", "What else happens to a card's account: purchases, visits, rewards, levels, corrections."),
    ("Programmes", "Kinds, rules, rewards, promo codes, segments, products."),
    ("Operations", "What was done."),
    ("Webhooks", "Being told of what happens, instead of asking."),
)
_PARTS = re.compile(r"\{([a-z]+)\}")
_IN_PATH = {"reward": "Its id.", "batch": "Its key.", "segment": "Its key.", "delivery": "Its id."}
_MEDIA, _PROBLEM = "application/json", "application/problem+json"
_KEY_HEADER = {"schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
               "description": "A new one for each act: 1 to 255 visible ASCII characters."}


@lru_cache(maxsize=4)
def document(calls: Sequence[Call], url: str) -> bytes:
    """The document as JSON; url: the public address of the server."""
    return msgspec.json.format(msgspec.json.encode(parsed(calls, url)), indent=2)


@lru_cache(maxsize=4)
def parsed(calls: Sequence[Call], url: str) -> dict[str, Any]:
    """The document as a dict; nobody changes it."""
    named: set[type] = {kind for call in calls for kind in (call.body, call.answer) if kind is not None}
    named |= {shapes.Problem, webhook_shapes.Event}
    types = sorted(named, key=lambda kind: kind.__name__)
    found, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    references = dict(zip(types, found, strict=True))
    paths: dict[str, Any] = {}
    for call in calls:
        paths.setdefault(call.address, {})[call.method.lower()] = {
            **_operation(call, references), "x-codeSamples": [{"lang": "Shell", "label": "curl", "source": samples.curl(call, url)}]}
    return {
        "openapi": "3.1.0", "info": {"title": "Tessera till API", "version": VERSION, "description": ABOUT},
        "servers": [{"url": url}], "tags": [{"name": name, "description": what} for name, what in TAGS], "paths": paths,
        "webhooks": {kind: {"post": {"tags": ["Webhooks"], "summary": f"We tell you of {kind}", "security": [], "requestBody": {
            "required": True, "content": {_MEDIA: {"schema": references[webhook_shapes.Event]}}}, "responses": {
            "2XX": {"description": "Taken."}}}} for kind in KINDS},
        "components": {"schemas": {**components, "OpenAPI": {"type": "object", "title": "OpenAPI"}},
                       "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "An API key, tsk_…."}}}}


def _operation(call: Call, references: dict[type, Any]) -> dict[str, Any]:
    """One method of one path."""
    made: dict[str, Any] = {
        "operationId": call.name.partition(":")[2], "tags": [call.tag], "summary": call.summary, "parameters": _parameters(call),
        "responses": _responses(call, references)}
    if call.who.kind == "key":
        made["security"] = [{"key": []}]
        scopes = " or ".join(call.who.scopes)
        made["description"] = f"Scope: {scopes}." if scopes else "Any key."
    else:
        made["security"] = []
    if call.body is not None:
        content = {"schema": references[call.body], **({"example": EXAMPLES[call.name]} if call.name in EXAMPLES else {})}
        made["requestBody"] = {"required": call.body is not shapes.Nothing, "content": {_MEDIA: content}}
    return made


def _parameters(call: Call) -> list[dict[str, Any]]:
    given: list[dict[str, Any]] = []
    if call.kind:
        given.append({"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "description": f"Of the {call.kind}."})
    given += [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": _IN_PATH[name]}
              for name in _PARTS.findall(call.path) if name != "id"]
    given += [{"name": one.name, "in": "query", "required": one.required, "schema": _schema(one), "description": one.what}
              for one in call.query]
    if call.key != NO_KEY:
        given.append({"name": "Idempotency-Key", "in": "header", "required": call.key == KEY_REQUIRED, **_KEY_HEADER})
    return given


def _schema(one: Query) -> dict[str, Any]:
    if one.kind == "integer":
        return {"type": "integer", "minimum": 1, "maximum": 200}
    return {"type": "string", "format": "date-time"} if one.kind == "date-time" else {"type": "string"}


def _responses(call: Call, references: dict[type, Any]) -> dict[str, Any]:
    """The success, and every refusal that the call can give."""
    schema = references[call.answer] if call.answer else {"$ref": "#/components/schemas/OpenAPI"}
    answers: dict[str, Any] = {str(call.status): {"description": "Found." if call.method == "GET" else "Done.",
                                                  "content": {_MEDIA: {"schema": schema}}}}
    if call.key != NO_KEY:
        answers[str(call.status)]["headers"] = {"Idempotent-Replay": {
            "schema": {"const": "true"}, "description": "The same request was answered before."}}
    for status, what in _refusals(call):
        answers[status] = {"description": what, "content": {_PROBLEM: {"schema": references[shapes.Problem]}}}
        if status in ("429", "503"):
            answers[status]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return answers


def _refusals(call: Call) -> list[tuple[str, str]]:
    found = [("431", "The headers are over 16 KiB."), ("503", "Not just now; nothing was changed.")]
    if call.who.kind == "key":
        found += [("401", "No valid key."), ("403", _codes("scope_missing", *_of(call, _FORBIDDEN)))]
    if "{" in call.path or call.body or any(one.name in _NAMES_A_THING for one in call.query):
        found.append(("404", "Missing, malformed or another business's."))
    if call.body:
        required = ("idempotency_key_required",) if call.key == KEY_REQUIRED else ()
        found += [("400", _codes("malformed_json", *required)), ("413", "The body is over 64 KiB."), ("415", "The body is not JSON.")]
    if conflicts := [code for code in call.refusals if code not in _FORBIDDEN] + (["idempotency_key_in_use"] if call.key != NO_KEY else []):
        found.append(("409", _codes(*conflicts)))
    if call.body or call.query:
        found.append(("422", "Wrong fields, each named in the answer."))
    if call.who.kind == "key":
        found.append(("429", _codes("too_many_requests") + " The key asks more often than it may."
                      + (" Or a limit of messages is reached." if call.may_text else "")))
    return sorted(found)


_NAMES_A_THING = ("location", "card")
_FORBIDDEN = ("not_your_sale", "other_location", "member_only_earns")


def _of(call: Call, codes: Sequence[str]) -> list[str]:
    return [code for code in call.refusals if code in codes]


def _codes(*codes: str) -> str:
    return ", ".join(codes) + "."
