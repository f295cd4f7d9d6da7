"""Every pass that the judges see: each kind's design in each language that a business may write in, plain and with all it may set."""
import base64
import hashlib
import io
import json
import os
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_args

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec.structs import replace
from PIL import Image

from app.designs import shown
from app.designs.pictures import APPLE_FILES, NONE, OwnPictures
from app.designs.prepared import PreparedDesign, prepare
from app.designs.preview import stamps_of
from app.designs.rules import CardFace, DesignContent, Pictures, default_content, validate
from app.designs.wallet import Action, Barcode, Nfc, RelevantSpan, WalletExtras
from app.images import decoder
from app.passes import faces
from app.passes.apple import AppleDesign, PassCard, PassLocation
from app.programs.explain import explain
from app.programs.kinds import KINDS, Kind

LANGUAGES = ("en", "ru")
BARCODES = get_args(Barcode)
PASS_TYPE, TEAM = "pass.example.tessera.judged", "TESSERA001"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLACES = tuple(PassLocation(55.75 + number / 100, 37.6) for number in range(10))
KEY = base64.b64encode(ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
    Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
# All that a business may set, for the phones' wallets.
EVERYTHING = WalletExtras(
    sharing=True, near=(("en", "Coffee is near"), ("ru", "Кофе рядом")), max_distance=300,
    relevant=(RelevantSpan("2026-12-31T10:00:00+03:00", "2026-12-31T22:00:00+03:00"),),
    actions=(Action("order", url="https://coffee.example/order"), Action("place", place="I6FD7682FD36BB3BE")),
    nfc=Nfc(KEY, requires_authentication=True), app_store_ids=(1234567890,), app_url="https://coffee.example/app",
    phone="+7 495 123-45-67", mail="hello@coffee.example", site="https://coffee.example")


@dataclass(frozen=True)
class Exhibit:
    """A pass to be judged. service: the address of its update service."""

    name: str
    kind: str
    language: str
    wallet: WalletExtras
    design: PreparedDesign
    face: CardFace
    is_plain: bool
    service: str = "https://cards.example.com/apple/x1"

    def build(self, signer: Any) -> bytes:
        apple = AppleDesign(self.design, stamps_of(self.design, self.face))
        card = PassCard(PASS_TYPE, TEAM, f"serial-{self.name}", "q7Yx0m2Vt5Lw9Rk4Jd8Hs1Bn6Cf3Gz_-", self.service, self.face,
                        () if self.is_plain else PLACES)
        return apple.bundle.build(apple.pass_json(card), signer, NOON)


@cache
def own_pictures() -> OwnPictures:
    """A logo, an icon and a strip as a business uploads them, in every size."""
    files: dict[str, bytes] = {}
    for make, size in ((decoder.logos, (700, 200)), (decoder.icons, (400, 400)), (decoder.strips, (1600, 700))):
        upload = io.BytesIO()
        Image.linear_gradient("L").resize(size).convert("RGB").save(upload, "PNG")
        files |= make(decoder.read(upload.getvalue()), (15, 69, 70))
    return OwnPictures(Pictures("1" * 64, "2" * 64, "3" * 64), {name: content for name, content in files.items() if name in APPLE_FILES})


def drawn(kind: Kind, language: str, wallet: WalletExtras, pictures: OwnPictures = NONE) -> PreparedDesign:
    rules = kind.rules("RUB")
    content: DesignContent = replace(default_content("Coffee “corner”", "Кофейный «угол»", language=language), wallet=wallet,
                                     pictures=pictures.digests)
    validate(content)
    sentences = {each: explain(rules, "RUB", each) for each in LANGUAGES}
    return prepare(content, sentences, kind.template, values=shown.values_of(rules), terms=shown.terms_of(rules), pictures=pictures,
                   addresses=("Pushkin Street 1", "Lenin Square 2"))


def exhibits() -> Iterator[Exhibit]:
    for kind_name, kind in KINDS.items():
        for language in LANGUAGES:
            face = replace(faces.sample(kind.rules("RUB"), "RUB", language), page_link="https://cards.example.com/c/abcdefghijkl")
            plain = WalletExtras()
            yield Exhibit(f"{kind_name}-{language}-plain", kind_name, language, plain, drawn(kind, language, plain), face, True)
            branded = drawn(kind, language, plain, own_pictures())
            yield Exhibit(f"{kind_name}-{language}-brand", kind_name, language, plain, branded, face, True)
            for number, barcode in enumerate(BARCODES):
                wallet = replace(EVERYTHING, barcode=barcode)
                # Every other one has ended, so that each barcode is seen on cards that live and on cards that do not.
                ended = (number + len(kind_name)) % 2 == 0
                worn = replace(face, expires_at=NOON + timedelta(days=-1 if ended else 30), is_voided=ended, expires_on=date(2026, 12, 31))
                yield Exhibit(f"{kind_name}-{language}-{barcode}", kind_name, language, wallet, drawn(kind, language, wallet), worn, False)
    # What the demo hands out names this machine, over http.
    at_home = drawn(KINDS["points"], "en", WalletExtras())
    yield Exhibit("demo", "points", "en", WalletExtras(), at_home, faces.sample(KINDS["points"].rules("RUB"), "RUB", "en"), True,
                  "http://127.0.0.1:8000/apple/x1")


def files_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: Mapping[str, bytes]) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return kept.getvalue()


def with_https(data: bytes) -> bytes:
    """The pass with an address that pass-js takes: it refuses http, which the demo uses on this machine, and looks at no hash."""
    files = files_of(data)
    card = json.loads(files["pass.json"])
    if not card.get("webServiceURL", "").startswith("http://127.0.0.1:"):
        return data
    card["webServiceURL"] = card["webServiceURL"].replace("http://", "https://", 1)
    files["pass.json"] = json.dumps(card).encode()
    return packed(files)


def judged(folder: Path, passes: Mapping[str, bytes]) -> dict[str, dict[str, list[str]]]:
    """What both judges say of each pass: name → judge → sentences. Raises CalledProcessError where Node fails."""
    listed = []
    for number, (name, data) in enumerate(passes.items()):
        (folder / f"{number}.pkpass").write_bytes(with_https(data))
        listed.append({"name": name, "pkpass": f"{number}.pkpass", "card": json.loads(files_of(data)["pass.json"])})
    (folder / "list.json").write_text(json.dumps(listed), "utf-8")
    done = subprocess.run(["node", str(Path(__file__).with_name("judges.mjs")), str(node_modules()), str(folder)], capture_output=True,
                          check=True, timeout=120)
    return json.loads(done.stdout)


def node_modules() -> Path:
    """Where the packages lie. Raises RuntimeError, saying what to install, where they do not: a judge that is away is no judgement."""
    found = Path(os.environ.get("TESSERA_NODE_MODULES") or Path(__file__).parents[2] / ".venv" / "node" / "node_modules")
    if not (found / "passkit-generator").is_dir():
        raise RuntimeError(f"The other judges of passes are not in {found}. Run `make judges`: it needs nodejs and npm "
                           "(apt-get install nodejs npm) and fetches the packages of tests/interop/package.json.")
    return found


def sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
