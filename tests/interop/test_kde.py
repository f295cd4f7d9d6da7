"""KDE's reader of passes (KPkPass), a fourth author: what a wallet that is not Apple's makes of each design. `make interop` runs this.

Its version 22.12 checks no signature, drops numbers, takes `voided` for a text, translates labels and values alone, and of these
none with an escaped character; what is asserted is the rest.
"""
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.cards.rules import in_fours
from app.certificates.signer import PassSigner
from app.demo.certificates import make_demo_certificates
from app.passes.check import PassContents, check_pkpass
from tests.interop.gallery import LANGUAGES, NOON, PASS_TYPE, TEAM, exhibits

pytestmark = pytest.mark.kde
# Its own words: enum Pass::Type, enum Barcode::Format.
TYPES = {"coupon": 1, "generic": 3, "storeCard": 4}
FORMATS = {"PKBarcodeFormatQR": 1, "PKBarcodeFormatPDF417": 2, "PKBarcodeFormatAztec": 3, "PKBarcodeFormatCode128": 4}
PLACES = ("auxiliaryFields", "backFields", "headerFields", "primaryFields", "secondaryFields")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[Path], str], list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("kde")
    for command in (["cmake", "-S", str(Path(__file__).with_name("kde")), "-B", str(folder)], ["cmake", "--build", str(folder)]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"KDE's reader needs g++, cmake and libkpimpkpass-dev:\n{done.stdout}\n{done.stderr}"

    def read(files: list[Path], language: str) -> list[dict[str, Any]]:
        speaks = {"en": "en_US", "ru": "ru_RU"}[language] + ".UTF-8"
        told = subprocess.run([str(folder / "read_pass"), *map(str, files)], capture_output=True, check=True, timeout=60,
                              env={**os.environ, "LC_ALL": speaks, "LANG": speaks, "LANGUAGE": language}).stdout
        return [json.loads(line) for line in told.splitlines()]
    return read


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Path, PassContents]:
    folder = tmp_path_factory.mktemp("gallery")
    made = make_demo_certificates(folder, pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=NOON - timedelta(days=1))
    signer = PassSigner.load(made.certificate.read_bytes(), made.key.read_bytes(), None, made.wwdr.read_bytes())
    found = {}
    for exhibit in exhibits():
        data = exhibit.build(signer)
        (folder / f"{exhibit.name}.pkpass").write_bytes(data)
        found[folder / f"{exhibit.name}.pkpass"] = check_pkpass(data, root_pem=made.root.read_bytes())
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_wallet_reads_every_pass_in_the_language_of_its_owner(reader, gallery, language) -> None:
    for (path, ours), told in zip(gallery.items(), reader(list(gallery), language), strict=True):
        card = ours.card
        assert told["read"], path.name
        assert told["type"] == TYPES[ours.style], path.name
        assert (told["serial"], told["passType"], told["token"]) == (ours.serial_number, PASS_TYPE, ours.authentication_token)
        assert (told["name"], told["description"]) == (card["organizationName"], card["description"])
        assert told["service"] == card["webServiceURL"]
        assert told["update"] == f"{card['webServiceURL']}/v1/passes/{PASS_TYPE}/{ours.serial_number}"
        assert told["expires"] == card.get("expirationDate", "")
        assert told["places"] == len(card.get("locations", []))
        assert told["near"] == (card["locations"][0]["relevantText"] if "locations" in card else "")
        [code] = told["barcodes"]
        assert code["format"] == FORMATS[ours.barcode["format"]]
        assert (code["message"], code["alternative"]) == (ours.barcode["message"], in_fours(ours.barcode["message"]))
        check_fields(told["fields"], ours, language)


def check_fields(told: list[dict[str, str]], ours: PassContents, language: str) -> None:
    """Every field is there with its label, and its value where that is a text."""
    fields = [field for place in PLACES for field in ours.fields(place)]
    assert {field["key"] for field in told} == {field["key"] for field in fields}
    read = {field["key"]: field for field in told}
    for field in fields:
        assert read[field["key"]]["label"] == ours.text(field["label"], language)
        if isinstance(field["value"], str) and "dateStyle" not in field:
            is_found = not any(mark in field["value"] for mark in '\n"\\')
            assert read[field["key"]]["value"] == (ours.text(field["value"], language) if is_found else field["value"])
