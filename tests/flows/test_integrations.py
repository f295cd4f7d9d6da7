"""The samples for other makers' tills say what the server understands: one runs against it, the other is compared with its document."""
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

SAMPLES = Path(__file__).parents[2] / "docs" / "integrate" / "samples"
STAND_INS = (Path(__file__).parent / "frontol_stand_ins.js").read_text("utf-8")


@pytest.fixture
def frontol(demo: dict[str, Any], tmp_path: Path) -> Callable[..., list[str]]:
    """Runs a day at the till, in JavaScript, behind the sample; what the cashier was told."""
    (tmp_path / "key.txt").write_text(demo["api_key"] + "\n", "utf-8")
    sample = (SAMPLES / "tessera_frontol.js").read_text("utf-8")
    for name, value in (("TESSERA_KEY_FILE", str(tmp_path / "key.txt")), ("TESSERA_QUEUE", str(tmp_path / "queue.txt"))):
        sample = re.sub(rf"var {name} = .*", lambda _, name=name, value=value: f"var {name} = {json.dumps(value)};", sample)

    def run(day: str, url: str = demo["url"]) -> list[str]:
        script = STAND_INS + re.sub(r"var TESSERA = .*", f"var TESSERA = {json.dumps(url)};", sample) + "\ninit();\n" + day
        done = subprocess.run([shutil.which("node") or "node", "-"], input=script + "\nconsole.log(JSON.stringify(said));", text=True,
                              capture_output=True, timeout=60, check=True)
        return json.loads(done.stdout)

    return run


def test_the_frontol_script_finds_sells_and_sends_what_had_no_answer_once(demo: dict[str, Any], frontol: Callable[..., list[str]],
                                                                         tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {demo['api_key']}"}
    with httpx2.Client(base_url=demo["url"], headers=headers) as till:
        wish = {"program": demo["program"], "customer": {"phone": "+79165550042", "name": "Anna"},
                "consent": {"terms": True, "marketing": False}}
        card = till.post("/api/v1/cards", json=wish, headers={"Idempotency-Key": "a-card-for-frontol"}).json()

        def sales_of(receipt: str) -> list[dict[str, Any]]:
            return till.get("/api/v1/operations", params={"receipt": receipt}).json()["items"]

        read = f'frontol.currentDocument.cardValues = "{card["number"]}"; raise("openDocument"); raise("addCard");\n'
        told = frontol(read + 'raise("closeDocument");')
        assert len(told) == 1 and str(card["balances"]["points"]) in told[0]
        [sale] = sales_of("3-12-41")
        assert sale["amount"] == 125_000 and sale["card"] == card["id"]

        # The line goes dead after the card was read: the receipt waits, and goes out with the next one, once.
        cut = 'frontol.currentDocument.number = 42; TESSERA = "http://127.0.0.1:9"; raise("closeDocument");'
        frontol(read + cut)
        assert sales_of("3-12-42") == [] and "3-12-42" in (tmp_path / "queue.txt").read_text("utf-8")
        told = frontol('raise("closeDocument");')
        assert told == [] and len(sales_of("3-12-42")) == 1 and not (tmp_path / "queue.txt").exists()

        assert "не найдена" in frontol('frontol.currentDocument.cardValues = "79990000000"; raise("addCard");')[0]


def test_the_1c_module_uses_addresses_and_fields_of_the_served_document(demo: dict[str, Any]) -> None:
    document = httpx2.get(demo["url"] + "/api/v1/openapi.json").json()
    text = (SAMPLES / "TesseraLoyalty.bsl").read_text("utf-8")
    paths = {re.sub(r"\{\w+\}", "", path) for path in document["paths"]}
    for address in re.findall(r'"(/api/v1/[^"]*)"(?: \+ Операция \+ "([^"]*)")?', text):
        assert (address[0] + address[1]).partition("?")[0] in paths
    fields = {name for shape in document["components"]["schemas"].values() for name in shape.get("properties", {})}
    inserted = set(re.findall(r'\.Вставить\("([a-z_]+)"', text))
    assert inserted and inserted <= fields


def test_what_the_1c_module_opens_it_closes() -> None:
    code = re.sub(r'"[^"]*"|//.*', "", (SAMPLES / "TesseraLoyalty.bsl").read_text("utf-8"))
    for begin, end in (("Функция", "КонецФункции"), ("Если", "КонецЕсли"), ("Цикл", "КонецЦикла"), ("Попытка", "КонецПопытки"),
                       ("#Область", "#КонецОбласти")):
        assert len(re.findall(rf"(?<!\w){begin}(?!\w)", code)) == len(re.findall(rf"(?<!\w){end}(?!\w)", code)) > 0, begin
