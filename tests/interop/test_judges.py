"""Four unrelated authors judge every pass that we make: our checker, passkit-generator's schemas, pass-js and OpenSSL.

Each knows Apple's rules from troubles of its own users. What they notice of spoiled passes is recorded beside it.
"""
import json
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.certificates.signer import PassSigner
from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.passes.check import BadPass, check_pkpass
from app.programs.kinds import KINDS
from tests.interop.gallery import (
    BARCODES,
    LANGUAGES,
    NOON,
    PASS_TYPE,
    TEAM,
    Exhibit,
    exhibits,
    files_of,
    judged,
    node_modules,
    own_pictures,
    with_https,
)
from tests.interop.mutations import MUTATIONS, mutated

pytestmark = pytest.mark.interop
TEMPLATES = Path(__file__).parents[2] / "pass_templates"
every_design = pytest.mark.parametrize(("kind", "language"), [(kind, language) for kind in KINDS for language in LANGUAGES])
every_mutation = pytest.mark.parametrize("mutation", MUTATIONS, ids=[each.name.replace(" ", "-") for each in MUTATIONS])
SPOILED = "spoiled: "


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    return make_demo_certificates(tmp_path_factory.mktemp("interop"), pass_type_identifier=PASS_TYPE, team_identifier=TEAM,
                                  now=NOON - timedelta(days=1))


@pytest.fixture(scope="module")
def gallery(certificates: DemoCertificates) -> Mapping[str, tuple[Exhibit, bytes]]:
    signer = PassSigner.load(certificates.certificate.read_bytes(), certificates.key.read_bytes(), None, certificates.wwdr.read_bytes())
    return {exhibit.name: (exhibit, exhibit.build(signer)) for exhibit in exhibits()}


@pytest.fixture(scope="module")
def spoiled(gallery: Mapping[str, tuple[Exhibit, bytes]], certificates: DemoCertificates) -> Mapping[str, bytes]:
    return mutated(gallery["points-en-plain"][1], certificates)


@pytest.fixture(scope="module")
def verdicts(gallery: Mapping[str, tuple[Exhibit, bytes]], spoiled: Mapping[str, bytes],
             tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What the two in Node say, asked once for all passes."""
    whole = {name: data for name, (_, data) in gallery.items()}
    return judged(tmp_path_factory.mktemp("judged"), whole | {SPOILED + name: data for name, data in spoiled.items()})


def of(gallery: Mapping[str, tuple[Exhibit, bytes]], kind: str, language: str) -> list[tuple[Exhibit, bytes]]:
    found = [(exhibit, data) for exhibit, data in gallery.values() if (exhibit.kind, exhibit.language) == (kind, language)]
    assert len(found) >= 2 + len(BARCODES)
    return found


def test_every_template_is_judged() -> None:
    assert {kind.template for kind in KINDS.values()} == {path.parent.name for path in TEMPLATES.glob("*/design.toml")}


@every_design
def test_our_checker_takes_every_design(gallery, certificates, kind, language) -> None:
    for exhibit, data in of(gallery, kind, language):
        contents = check_pkpass(data, root_pem=certificates.root.read_bytes(), now=NOON, team_identifier=TEAM)
        assert contents.strings.keys() >= set(LANGUAGES), exhibit.name


@every_design
@pytest.mark.parametrize("judge", ["passkit-generator", "pass-js"])
def test_a_maker_of_others_takes_every_design(gallery, verdicts, judge, kind, language) -> None:
    for exhibit, _ in of(gallery, kind, language):
        assert verdicts[exhibit.name][judge] == [], exhibit.name


@every_design
@pytest.mark.parametrize("tool", ["smime", "cms"])
def test_openssl_verifies_every_signature(gallery, certificates, tmp_path, tool, kind, language) -> None:
    for exhibit, data in of(gallery, kind, language):
        assert openssl_verifies(tool, files_of(data), certificates, tmp_path), exhibit.name


def openssl_verifies(tool: str, files: Mapping[str, bytes], certificates: DemoCertificates, folder: Path) -> bool:
    for name in ("manifest.json", "signature"):
        (folder / name).write_bytes(files[name])
    # -purpose any: pass certificates are not made for mail. -attime: the passes are of another day than this one.
    done = subprocess.run(
        ["openssl", tool, "-verify", "-binary", "-inform", "DER", "-in", "signature", "-content", "manifest.json", "-CAfile",
         str(certificates.root), "-purpose", "any", "-attime", str(int(NOON.timestamp())), "-out", "verified"],
        cwd=folder, capture_output=True, text=True, timeout=30)
    return done.returncode == 0 and "erification successful" in done.stderr and (folder / "verified").read_bytes() == files["manifest.json"]


@every_design
def test_what_a_business_sets_is_in_its_passes(gallery, kind, language) -> None:
    formats = set()
    for exhibit, data in of(gallery, kind, language):
        card = json.loads(files_of(data)["pass.json"])
        if exhibit.is_plain:
            continue
        formats.add(card["barcodes"][0]["format"])
        assert len(card["locations"]) == 10 and {place["relevantText"] for place in card["locations"]} <= {"Coffee is near", "Кофе рядом"}
        assert card.keys() >= {"nfc", "featuredActions", "relevantDates", "expirationDate", "maxDistance", "appLaunchURL",
                               "associatedStoreIdentifiers"}, exhibit.name
        assert card.get("voided", False) is exhibit.face.is_voided
    assert formats == {f"PKBarcodeFormat{name}" for name in ("QR", "Aztec", "PDF417", "Code128")}


@every_design
def test_a_business_s_own_pictures_are_in_its_passes(gallery, kind, language) -> None:
    files = files_of(gallery[f"{kind}-{language}-brand"][1])
    for name, content in own_pictures().files.items():
        # The stamps of a stamp card are its picture.
        assert (files[name] == content) is not (name.startswith("strip") and kind == "stamps"), name


@pytest.mark.parametrize("judge", ["passkit-generator", "pass-js"])
def test_a_pass_of_the_demo_is_taken_but_for_its_address_on_this_machine(gallery, verdicts, judge) -> None:
    exhibit, data = gallery["demo"]
    assert exhibit.service.startswith("http://") and with_https(data) != data
    assert verdicts["demo"][judge] == []


@every_mutation
def test_our_checker_notices_every_way_to_spoil_a_pass(spoiled, certificates, mutation) -> None:
    with pytest.raises(BadPass) as refused:
        check_pkpass(spoiled[mutation.name], root_pem=certificates.root.read_bytes(), now=NOON)
    assert mutation.said in str(refused.value)


@every_mutation
def test_what_the_others_notice_of_it_is_what_they_were_seen_to_notice(verdicts, mutation) -> None:
    told = verdicts[SPOILED + mutation.name]
    assert {judge for judge, sentences in told.items() if sentences} == mutation.noticed, told


@pytest.mark.parametrize(("name", "is_good"), [("no WWDR", False), ("hash", True), ("no signingTime", True)])
def test_openssl_follows_the_chain_and_looks_at_nothing_else(spoiled, certificates, tmp_path, name, is_good) -> None:
    assert openssl_verifies("cms", files_of(spoiled[name]), certificates, tmp_path) is is_good


def test_openssl_reads_one_signing_time_and_no_manifest_inside(gallery, tmp_path) -> None:
    (tmp_path / "signature").write_bytes(files_of(gallery["points-en-plain"][1])["signature"])
    told = subprocess.run(["openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", str(tmp_path / "signature")],
                          capture_output=True, text=True, check=True, timeout=30).stdout
    assert told.count("signingTime") == 1 and "eContent: <ABSENT>" in told
    assert told.count("subject:") == 2


def test_judges_that_are_away_are_said_with_what_to_install(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("TESSERA_NODE_MODULES", str(tmp_path))
    with pytest.raises(RuntimeError, match="apt-get install nodejs npm"):
        node_modules()
