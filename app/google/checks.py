"""Whether a body is one that Google takes, by the schema beside this file; asked before every request that carries one."""
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

SCHEMA = Path(__file__).with_name("walletobjects-loyalty.schema.json")
MOST = 5


@lru_cache
def validator(kind: str) -> "Draft202012Validator":
    """kind: a definition of the schema, such as `LoyaltyObject`."""
    from jsonschema import Draft202012Validator  # loaded where it is used: a server without Google does not pay for it

    definitions = json.loads(SCHEMA.read_text("utf-8"))["$defs"]
    return Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": definitions})


def problems_of(kind: str, body: dict[str, Any]) -> list[str]:
    """What is wrong with `body`, a line each with its place, without its values: those may be keys of codes."""
    return [f"{'/'.join(str(step) for step in error.absolute_path) or '-'}: {error.validator}"
            for error, _ in zip(validator(kind).iter_errors(body), range(MOST), strict=False)]
