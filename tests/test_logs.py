import json
import logging

import pytest

from app import logs


def line_of(message: str, *arguments: object, **options: object) -> dict[str, object]:
    record = logging.getLogger("tessera.test").makeRecord("tessera.test", logging.WARNING, __file__, 1, message, arguments, None, **options)  # type: ignore[arg-type]
    text = logs.JsonLines().format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_record_is_one_json_object() -> None:
    line = line_of("sent %d to %s", 2, "Анна")
    assert (line["level"], line["log"], line["message"]) == ("warning", "tessera.test", "sent 2 to Анна")
    assert str(line["at"]).endswith("Z")


def test_the_fields_of_a_record_stand_beside_its_message() -> None:
    assert line_of("request", extra={"fields": {"status": 200}})["status"] == 200


@pytest.mark.goal("B14")
def test_a_line_break_in_what_was_typed_forges_no_line() -> None:
    assert line_of("name %s", 'x"\n{"level": "info"}')["message"] == 'name x"\n{"level": "info"}'
