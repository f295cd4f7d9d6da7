"""The pages for integrators: what they tell to type is typed here, against a server that listens."""
import importlib.util
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.till.served import Served, serving

DOCS = Path(__file__).parents[2] / "docs" / "integrate"
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "\u241e"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("day"), {}, "gone", "nobody") as made:
        yield made


def typed(page: str, served: Served) -> list[tuple[Any, Any]]:
    """(what the page promises, what was answered) of each block of commands that a promise follows."""
    blocks = BLOCK.findall((DOCS / page).read_text("utf-8"))
    script, promised = [f"API={served.url}/api/v1", f"KEY={served.sandbox}"], []
    for (kind, text), (after, promise) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind != "sh" or text.startswith("API="):
            continue
        script.append(text)
        if after == "json":
            promised.append(json.loads(promise))
            script.append(f"echo '{MARK}'")
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(script)], capture_output=True, text=True, timeout=60,
                         env={"PATH": os.environ["PATH"]}, check=False)
    assert ran.returncode == 0, ran.stdout[-500:] + ran.stderr
    answers = [json.loads(part.strip()) for part in ran.stdout.split(MARK)[:-1]]
    return list(zip(promised, answers, strict=True))


def holds(answer: Any, promise: Any) -> bool:
    """Whether everything that is promised is there; more may be."""
    if isinstance(promise, dict):
        return isinstance(answer, dict) and all(name in answer and holds(answer[name], value) for name, value in promise.items())
    return answer == promise


def test_a_working_day_in_ten_calls_goes_as_its_page_says(served: Served) -> None:
    told = typed("day.md", served)
    assert len(told) >= 10
    assert [(promise, answer) for promise, answer in told if not holds(answer, promise)] == []


def test_every_page_is_linked_from_the_index_and_every_link_leads_somewhere() -> None:
    index = (DOCS / "README.md").read_text("utf-8")
    linked = set(re.findall(r"\]\(([^)#]+)", index))
    assert {path.name for path in DOCS.glob("*.md")} - {"README.md"} <= linked
    for page in DOCS.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_a_web_shops_day_with_the_sample(served: Served) -> None:
    spec = importlib.util.spec_from_file_location("web_shop", DOCS / "samples" / "web_shop.py")
    assert spec is not None and spec.loader is not None
    sample = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sample)
    shop = sample.Loyalty(served.url, served.sandbox)
    [program] = shop._call("GET", "/programs")["items"]
    assert shop.card_of("+79167654321") is None
    card = shop.join("1042", program["id"], "+79167654321", "Boris", False)
    assert card["status"] == "active" and shop.join("1043", program["id"], "+79167654321", "Boris", False)["id"] == card["id"]
    assert shop.card_of("8 (916) 765-43-21")["id"] == card["id"]
    lines = [{"sku": "4601", "name": "Coffee", "quantity": 2, "amount": 125_000}]
    shown = shop.basket(card, lines)["to_pay"]
    sold = shop.paid("1042", card, lines, shown)
    assert shop.paid("1042", card, lines, shown)["id"] == sold["id"], "a payment that is told twice is one order"
    assert shop.returned("1042", sold["id"], 50_000, "1")["pay_back"] == 50_000
    with pytest.raises(sample.Refused) as refused:
        shop.paid("1044", card, lines, shown - 1)
    assert (refused.value.status, refused.value.code) == (409, "quote_changed")
