"""A reader of the OpenAPI document who tries everything that the document says."""
from typing import Any

import schemathesis
from schemathesis import engine, openapi
from schemathesis.config import SchemathesisConfig
from schemathesis.engine.events import NonFatalError, ScenarioFinished

from tests.till.served import Served

ADDRESS = "/api/v1/openapi.json"
# A till that sends 5.0 for 5 is refused (api.md: never floats), though a whole number is one in JSON Schema; what a rule refuses in a body
# that is drawn well is 422 as well, and a NUL in a text 400. So both may answer any body; `only_rules_refuse` holds what that would lose.
CHECKS = {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "401", "403", "404", "409", "422", "429", "503"]}}
NOT_OF_RULES = {"unknown_field", "wrong_type"}


@schemathesis.check
def only_rules_refuse(ctx: Any, response: Any, case: Any) -> None:
    """What the document draws, the parser takes."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code == 400:
        assert "\\u0000" in str(response.request.body) or "\\x00" in str(response.request.body), response.text
    if response.status_code == 422:
        codes = {wrong["code"] for wrong in response.json().get("errors", [])}
        assert not codes & NOT_OF_RULES, f"the document allows what the parser refuses: {response.text}"


def findings(served: Served, role: str, settings: dict[str, Any]) -> list[str]:
    """A sentence for everything in which the server and its document differ for the role. settings: of schemathesis.toml."""
    key = served.keys[role]
    config = SchemathesisConfig.from_dict({
        "base-url": served.url, "continue-on-failure": True, "checks": CHECKS,
        "headers": {"Authorization": f"Bearer {key}"} if key else {}, **settings})
    schema = openapi.from_url(served.url + ADDRESS, config=config)
    found: dict[str, None] = {}
    for event in engine.from_schema(schema).execute():
        if isinstance(event, NonFatalError):
            found[f"{event.label}: {event.info}"] = None
        elif isinstance(event, ScenarioFinished):
            for case_id, checks in event.recorder.checks.items():
                for check in checks:
                    if check.failure_info is not None:
                        case = event.recorder.cases[case_id].value
                        found[f"{event.label}: {check.name}: {check.failure_info.failure.message[:400]} {case.as_curl_command()}"] = None
    return list(found)
