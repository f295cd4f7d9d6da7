"""The samples that receivers copy agree with what we sign."""
import importlib.util
import re
from pathlib import Path

import pytest

from app.webhooks import rules

DOCS = Path(__file__).parents[2] / "docs" / "integrate"
BODY, AT = '{"id":"evt_1","data":{"имя":"☂"}}'.encode(), 1_795_341_600
CASES = [(["whsec_one"], AT, BODY, True), (["whsec_new", "whsec_one"], AT, BODY, True), (["whsec_one", "whsec_old"], AT, BODY, True),
         (["whsec_two"], AT, BODY, False),
         (["whsec_one"], AT - 301, BODY, False), (["whsec_one"], AT + 301, BODY, False)]
NONSENSE = ["", "t=", "t=1",
            f"v1={'0' * 64}", f"t={AT}", f"t={AT},v1=", f"t={AT},v1=☂", f"t=-{AT},v1={'0' * 64}", "=,=,t", f"t={AT},t={AT}"]


def _whole_sample():
    spec = importlib.util.spec_from_file_location("webhook_receiver", DOCS / "samples" / "webhook_receiver.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.is_genuine


def _of_page():
    [block] = re.findall(r"```python\n(.*?)```", (DOCS / "webhooks.md").read_text("utf-8"), re.DOTALL)
    told: dict = {}
    exec(f"import hashlib, hmac\n{block}", told)
    return told["is_genuine"]


@pytest.mark.parametrize("sample", [_whole_sample, _of_page])
def test_python_takes_what_we_sign_and_nothing_else(sample):
    is_genuine = sample()
    for secrets, at, body, is_ours in CASES:
        assert is_genuine("whsec_one", rules.signature(secrets, at, body), body, AT) is is_ours
    assert not is_genuine("whsec_one", rules.signature(["whsec_one"], AT, BODY), BODY + b" ", AT)


def test_the_whole_receiver_takes_no_nonsense():
    is_genuine = _whole_sample()
    assert not any(is_genuine("whsec_one", header, BODY, AT) for header in NONSENSE)
