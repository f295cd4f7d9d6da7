"""Each call as somebody types it into a shell: in the document as `x-codeSamples`, on the page under the call. The tests run them."""
import json
import re
from collections.abc import Mapping

from app.till.calls import NO_KEY, Call
from app.till.examples import CARD, EXAMPLES, PROGRAM, REWARD

# What stands for an address's part: ids look like ids, keys like the examples' own.
PARTS: Mapping[str, str] = {
    "card": CARD, "program": PROGRAM, "enrolment": "enr_7m1x5v9q3k6tz", "operation": "op_4k8d2h6w0r5ny", "webhook": "whk_6s0f4j8n2b7xc",
    "delivery": "dlv_1g5t9y3m7p0wq", "reward": REWARD, "batch": "december", "segment": "regulars"}
QUERIES: Mapping[str, str] = {"code": "%2B79161230001"}
_PART = re.compile(r"\{([a-z]+)\}")


def curl(call: Call, url: str) -> str:
    """For a shell that holds the key in $KEY. url: of the server, without a slash at its end."""
    path = _PART.sub(lambda found: PARTS[call.kind if found[1] == "id" else found[1]], call.address)
    query = "&".join(f"{one.name}={QUERIES[one.name]}" for one in call.query if one.required)
    address = f"{url}{path}{'?' + query if query else ''}"
    lines = ["curl -s" + ("" if call.method == "GET" else f" -X {call.method}") + (f" '{address}'" if query else f" {address}")]
    if call.who.kind == "key":
        lines.append('-H "Authorization: Bearer $KEY"')
    if call.key != NO_KEY:
        lines.append(f'-H "Idempotency-Key: {call.name.partition(":")[2]}-1"')
    if call.name in EXAMPLES:
        lines += ['-H "Content-Type: application/json"', f"-d '{_written(EXAMPLES[call.name])}'"]
    return " \\\n  ".join(lines)


def _written(body: object) -> str:
    """JSON between single quotes of a shell."""
    return json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
