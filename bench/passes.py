"""How fast one pass is built and signed (V1 of the design), beside the raw RSA signature and beside other pass makers.

`python -m bench.passes` prints each ratio with its bar. Rates are per CPU second, children included, so other work on the machine
does not count; rounds are interleaved, so that a slow spell hits all alike. django-walletpass runs where it is installed, the Node
peers when TESSERA_NODE_MODULES names a folder that holds passkit-generator and @walletpass/pass-js; else their line says so.
"""
import importlib.util
import io
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from app.certificates.signer import PassSigner
from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.designs.prepared import prepare
from app.designs.rules import CardFace, default_content
from app.passes.apple import AppleDesign, PassCard, PassLocation
from app.passes.bundle import Bundle
from app.programs.rules import ProgramRules, explain

ROUNDS, SECONDS = 9, 0.4
PICTURES = 130_000
PASS_TYPE, TEAM = "pass.demo.tessera.bench", "BENCH12345"
RULES = ProgramRules(earn_points=7, earn_per_minor=10_000, worth_minor=100, largest_share_bp=5_000, lot_days=180, welcome_points=50)
PLACES = (PassLocation(55.7558, 37.6173), PassLocation(55.7601, 37.6186))
NODE_PEERS = ("passkit-generator", "pass-js")


class Maker:
    """Builds a new card's pass at each call: other serial number, code and balance, as a server does."""

    def __init__(self, folder: Path) -> None:
        files = DemoCertificates(folder)
        self.signer = PassSigner.load(files.certificate.read_bytes(), files.key.read_bytes(), None, files.wwdr.read_bytes())
        self.design = AppleDesign(prepare(default_content("Coffee corner", "Кофейный угол"), {
            language: explain(RULES, "RUB", language) for language in ("en", "ru")}))
        self.files = members(self.design.bundle)
        # The bar is for 130 KB of pictures; ours are lighter, so one of them comes again in a language's folder.
        while sum(len(body) for name, body in self.files.items() if name.endswith(".png")) < PICTURES:
            self.files[f"x{len(self.files)}.lproj/strip@3x.png"] = self.files["strip@3x.png"]
        self.bundle = Bundle(self.files)
        self.count = 0

    def pass_json(self) -> bytes:
        self.count += 1
        face = CardFace(f"9{self.count:015}", 320 + self.count, 32_000 + 100 * self.count, "RUB", "Anna", 120, date(2026, 11, 30),
                        "https://cards.example.com/c/k3Jq8vXw2mNp")
        return self.design.pass_json(PassCard(PASS_TYPE, TEAM, f"{self.count:032x}", "q7Yx0m2Vt5Lw9Rk4Jd8Hs1Bn6Cf3Gz_-A2x8Kq4Mv0",
                                              "https://cards.example.com/apple/x1", face, PLACES))

    def __call__(self) -> bytes:
        return self.bundle.build(self.pass_json(), self.signer, datetime.now(UTC))


def members(bundle: Bundle) -> dict[str, bytes]:
    """The files that a bundle was made of."""
    import zipfile
    archive = zipfile.ZipFile(io.BytesIO(bundle.archive(b"{}", b"{}", b"")))
    return {name: archive.read(name) for name in archive.namelist() if name not in ("pass.json", "manifest.json", "signature")}


def raw_signature(folder: Path, maker: Maker) -> Callable[[], bytes]:
    """The limit: nothing but the RSA signature."""
    key: Any = serialization.load_pem_private_key(DemoCertificates(folder).key.read_bytes(), None)
    manifest, scheme, digest = maker.bundle.manifest(maker.pass_json()), padding.PKCS1v15(), hashes.SHA256()
    return lambda: key.sign(manifest, scheme, digest)


def wallet_py3k(folder: Path, maker: Maker) -> Callable[[], bytes]:
    """The same card made and signed by wallet-py3k's own create()."""
    from wallet.models import Barcode, BarcodeFormat, Field, Location, Pass, StoreCard
    files = DemoCertificates(folder)

    def make() -> bytes:
        card = json.loads(maker.pass_json())
        style = StoreCard()
        for place, fields in card["storeCard"].items():
            for field in fields:
                made = Field(field["key"], field["value"], field["label"])
                made.__dict__.update(field)
                getattr(style, place).append(made)
        whole = Pass(style, passTypeIdentifier=PASS_TYPE, organizationName=card["organizationName"], teamIdentifier=TEAM)
        for key in ("serialNumber", "description", "logoText", "foregroundColor", "backgroundColor", "labelColor", "webServiceURL",
                    "authenticationToken"):
            setattr(whole, key, card[key])
        code = card["barcodes"][0]
        whole.barcode = Barcode(code["message"], BarcodeFormat.QR, code["altText"])
        whole.locations = [Location(place["latitude"], place["longitude"]) for place in card["locations"]]
        for name, body in maker.files.items():
            whole.addFile(name, io.BytesIO(body))
        return whole.create(str(files.certificate), str(files.key), str(files.wwdr), "none").getvalue()
    return make


def django_walletpass(folder: Path, maker: Maker) -> Callable[[], bytes]:
    """The same card made and signed by django-walletpass's PassBuilder, from a folder as it wants it."""
    import django
    from django.conf import settings

    files, assets = DemoCertificates(folder), written(maker, folder / "django")
    first = json.loads(maker.pass_json())
    settings.configure(SECRET_KEY="bench", INSTALLED_APPS=["django_walletpass"], DEFAULT_AUTO_FIELD="django.db.models.AutoField",
                       WALLETPASS={"CERT_PATH": str(files.certificate), "KEY_PATH": str(files.key), "PASS_TYPE_ID": PASS_TYPE,
                                   "APPLE_WWDRCA_PEM_PATH": str(files.wwdr), "TEAM_ID": TEAM, "SERVICE_URL": first["webServiceURL"]})
    django.setup()
    from django_walletpass.services.pass_builder import PassBuilder

    def make() -> bytes:
        builder = PassBuilder(str(assets))
        builder.pass_data = json.loads(maker.pass_json())
        builder.pass_data_required["serialNumber"] = builder.pass_data["serialNumber"]
        return builder.build()
    return make


def written(maker: Maker, folder: Path) -> Path:
    """The pictures and words as files below `folder`."""
    for name, body in maker.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


def cpu_seconds() -> float:
    return sum(os.times()[:4])


def rate(make: Callable[[], bytes], seconds: float = SECONDS) -> float:
    """Calls per CPU second, own and children's."""
    begun, calls = cpu_seconds(), 0
    while (used := cpu_seconds() - begun) < seconds:
        for _ in range(5):
            make()
        calls += 5
    return calls / used


def node_rates(folder: Path, maker: Maker, modules: str) -> dict[str, float]:
    """Passes per CPU second of the Node peers, over the same files, certificates and card."""
    work = folder / "node"
    written(maker, work / "assets")
    (work / "pass.json").write_bytes(maker.pass_json())
    rates = {}
    for peer in NODE_PEERS:
        done = subprocess.run(["node", Path(__file__).with_name("passes_peers.cjs"), peer, work, folder], capture_output=True, text=True,
                              env={**os.environ, "NODE_PATH": modules}, check=True)
        rates[peer] = float(done.stdout)
    return rates


def work(folder: str, begin: Any, seconds: float, counts: Any) -> None:
    """One of several processes: builds passes for `seconds` of its processor time once all are ready."""
    maker = Maker(Path(folder))
    maker()
    begin.wait()
    counts.put(rate(maker, seconds))


def together(folder: Path, processes: int, seconds: float = 1.0) -> float:
    """Passes per second of `processes` processes at once, each with a processor of its own."""
    context = multiprocessing.get_context("spawn")
    begin, counts = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=work, args=(str(folder), begin, seconds, counts)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    total = sum(counts.get(timeout=60) for _ in workers)
    for worker in workers:
        worker.join()
    return total


def line(name: str, value: float, bar: float, unit: str = "x", least: bool = True, limit: float | None = None) -> bool:
    """Print one measure beside its bar; whether it holds. limit: what the bare signature would reach on this processor."""
    good = value >= bar if least else value <= bar
    # Where the processor signs slowly (no AVX-512 IFMA), even a pass that costs nothing but its signature stays below some bars.
    beyond = f"; the bare signature would be {limit:.1f}" if limit is not None and not good else ""
    print(f"V1 {name:<40} {value:>10.2f} {unit:<5} {'at least' if least else 'at most'} {bar:<7g} {'pass' if good else 'SHORT'}{beyond}")
    return good


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_demo_certificates(folder, pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=datetime.now(UTC))
        maker = Maker(folder)
        makers = {"raw": raw_signature(folder, maker), "ours": maker, "wallet-py3k": wallet_py3k(folder, maker)}
        if importlib.util.find_spec("django_walletpass"):
            makers["django-walletpass"] = django_walletpass(folder, maker)
        rates: dict[str, list[float]] = {key: [] for key in makers}
        for _ in range(ROUNDS):
            for key, make in makers.items():
                rates[key].append(rate(make))
        return report(folder, maker, rates)


def report(folder: Path, maker: Maker, rates: dict[str, list[float]]) -> int:
    """Print every ratio of V1; 1 when one falls short."""
    ours = statistics.median(rates["ours"])
    print(f"one core, RSA 2048: raw signature {statistics.median(rates['raw']):.0f}/s, a whole pass {ours:.0f}/s, "
          f"wallet-py3k {statistics.median(rates['wallet-py3k']):.0f}/s (per CPU second, median of {ROUNDS} rounds)")
    print(f"pass.json {len(maker.pass_json())} bytes, pictures and words {maker.bundle.static_bytes} bytes")
    raw = statistics.median(rates["raw"])
    beyond = {name: 1e6 / statistics.median(rates[name]) - 1e6 / raw for name in ("ours", "wallet-py3k")}
    print(f"the signature alone takes {1e6 / raw:.0f} µs; work beyond it: ours {beyond['ours']:.0f} µs, "
          f"wallet-py3k {beyond['wallet-py3k']:.0f} µs")
    good = [
        line("share of the raw RSA rate", ratio(rates, "ours", "raw"), 0.85),
        line("beside wallet-py3k's create()", ratio(rates, "ours", "wallet-py3k"), 20, limit=ratio(rates, "raw", "wallet-py3k")),
        line("archive beyond pictures and words", len(maker()) - maker.bundle.static_bytes, 7_168, "bytes", least=False)]
    if "django-walletpass" in rates:
        good.append(line("beside django-walletpass", ratio(rates, "ours", "django-walletpass"), 80,
                         limit=ratio(rates, "raw", "django-walletpass")))
    else:
        print("V1 beside django-walletpass: not measured here (it is not installed)")
    modules = os.environ.get("TESSERA_NODE_MODULES", "")
    if modules:
        good += [line(f"beside {peer}", ours / other, 100, limit=raw / other) for peer, other in node_rates(folder, maker, modules).items()]
    else:
        print(f"V1 beside {' and '.join(NODE_PEERS)}: not measured here (TESSERA_NODE_MODULES is not set)")
    pairs = [(together(folder, 1), together(folder, 2)) for _ in range(3)]
    good.append(line("two processes beside one", statistics.median(two / one for one, two in pairs), 1.7))
    return 0 if all(good) else 1


def ratio(rates: dict[str, list[float]], one: str, other: str) -> float:
    """The median of the rounds' ratios: both halves of a round saw the same machine."""
    return statistics.median(mine / theirs for mine, theirs in zip(rates[one], rates[other], strict=True))


if __name__ == "__main__":
    sys.exit(main())
