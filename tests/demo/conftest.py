import hashlib
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest
from PIL import Image

from app.certificates.signer import PassSigner
from app.demo.certificates import DemoCertificates, make_demo_certificates

PASS_TYPE, TEAM = "pass.example.tessera.test", "TESSERA001"
SERVICE = "http://127.0.0.1:9/apple/short"
TOKEN = "a-token-of-more-than-16-characters"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    # From yesterday on: both NOON and the machine's own clock, which TLS asks, lie inside.
    start = min(NOON, datetime.now(UTC)) - timedelta(days=1)
    return make_demo_certificates(tmp_path_factory.mktemp("demo"), pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=start)


@pytest.fixture(scope="session")
def root_pem(certificates: DemoCertificates) -> bytes:
    return certificates.root.read_bytes()


def png(width: int, height: int) -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", (width, height), "#0f4546").save(kept, "PNG")
    return kept.getvalue()


class PassMaker:
    """Makes passes as plainly as the format allows, apart from the code under test."""

    def __init__(self, certificates: DemoCertificates) -> None:
        self._signer = PassSigner.load(certificates.certificate.read_bytes(), certificates.key.read_bytes(), None,
                                       certificates.wwdr.read_bytes())
        self._icons = {f"icon{suffix}.png": png(29 * scale, 29 * scale) for suffix, scale in (("", 1), ("@2x", 2), ("@3x", 3))}
        self._icons["logo@3x.png"] = png(150, 150)

    def make(self, points: int, serial: str = "serial-1", *, service: str | None = SERVICE, spoil: str = "", now: datetime = NOON,
             **top: Any) -> bytes:
        """spoil: the name of a file that is changed after the manifest was signed."""
        card = {
            "formatVersion": 1, "passTypeIdentifier": PASS_TYPE, "teamIdentifier": TEAM, "serialNumber": serial,
            "organizationName": "Coffee corner", "description": "Loyalty card",
            "barcodes": [{"format": "PKBarcodeFormatQR", "message": "9000000000000000", "messageEncoding": "iso-8859-1",
                          "altText": "9000 0000 0000 0000"}],
            "storeCard": {"headerFields": [{"key": "points", "label": "Points", "value": points, "changeMessage": "You have %@ points"}],
                          "secondaryFields": [{"key": "name", "label": "Name", "value": top.pop("name", "Anna")}]}, **top}
        if service:
            card |= {"webServiceURL": service, "authenticationToken": TOKEN}
        files = self._icons | {"pass.json": json.dumps(card).encode()} | {
            f"{language}.lproj/pass.strings": f'"You have %@ points" = "{text}";\n'.encode()
            for language, text in (("en", "You have %@ points"), ("ru", "У вас %@ баллов"))}
        manifest = json.dumps({name: hashlib.sha1(data).hexdigest() for name, data in files.items()}).encode()
        files |= {"manifest.json": manifest, "signature": self._signer.sign(manifest, now)}
        if spoil:
            files[spoil] += b" "
        kept = io.BytesIO()
        with zipfile.ZipFile(kept, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return kept.getvalue()


@pytest.fixture(scope="session")
def maker(certificates: DemoCertificates) -> PassMaker:
    return PassMaker(certificates)


class StubService(httpx2.AsyncBaseTransport):
    """An update service written to Apple's text in a few lines, with knobs for what real ones do wrong."""

    def __init__(self) -> None:
        self.passes: dict[str, bytes] = {}
        self.modified: dict[str, str] = {}
        self.changed: dict[str, int] = {}
        self.registered: dict[tuple[str, str], str] = {}
        self.calls: list[tuple[str, str, int]] = []
        self.requests: list[httpx2.Request] = []
        self.logs: list[str] = []
        self.failures: list[httpx2.Response] = []  # answered first, one each
        self.number = 0
        self.tag: Any = None  # instead of the true one
        self.listed: list[str] | None = None
        self.is_without_date = False

    def publish(self, data: bytes, serial: str = "serial-1") -> None:
        """A new version of a pass: a number of its own and a Last-Modified a second later than the one before."""
        self.number += 1
        self.passes[serial], self.changed[serial] = data, self.number
        self.modified[serial] = format_datetime(NOON + timedelta(seconds=self.number), usegmt=True)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        path = unquote(request.url.path)
        answer = self.failures.pop(0) if self.failures else self._answer(request, path)
        self.calls.append((request.method, path.partition("/v1/")[2] or path, answer.status_code))
        self.requests.append(request)
        return answer

    def _answer(self, request: httpx2.Request, path: str) -> httpx2.Response:
        parts = path.removeprefix("/apple/short/v1/").split("/")
        match (request.method, parts):
            case ("GET", ["", "c", _, "card.pkpass"]):
                return httpx2.Response(200, content=self.passes["serial-1"], headers={"Content-Type": "application/vnd.apple.pkpass"})
            case ("POST", ["devices", device, "registrations", _, serial]):
                if request.headers.get("authorization") != f"ApplePass {TOKEN}":
                    return httpx2.Response(401)
                is_new = (device, serial) not in self.registered
                self.registered[device, serial] = json.loads(request.content)["pushToken"]
                return httpx2.Response(201 if is_new else 200)
            case ("DELETE", ["devices", device, "registrations", _, serial]):
                self.registered.pop((device, serial), None)
                return httpx2.Response(200)
            case ("GET", ["devices", device, "registrations", _]):
                return self._list(device, request.url.params.get("passesUpdatedSince"))
            case ("GET", ["passes", _, serial]):
                return self._get(serial, request)
            case ("POST", ["log"]):
                self.logs += json.loads(request.content)["logs"]
                return httpx2.Response(200)
        return httpx2.Response(404)

    def _list(self, device: str, tag: str | None) -> httpx2.Response:
        since = int(tag) if tag and tag.isdigit() else -1
        serials = sorted(serial for owner, serial in self.registered if owner == device and self.changed[serial] > since)
        if self.listed is not None:
            serials = self.listed
        if not serials:
            return httpx2.Response(204)
        return httpx2.Response(200, json={"serialNumbers": serials, "lastUpdated": self.tag or str(self.number)})

    def _get(self, serial: str, request: httpx2.Request) -> httpx2.Response:
        if request.headers.get("authorization") != f"ApplePass {TOKEN}":
            return httpx2.Response(401)
        if request.headers.get("if-modified-since") == self.modified[serial]:
            return httpx2.Response(304)
        headers = {"Content-Type": "application/vnd.apple.pkpass"}
        if not self.is_without_date:
            headers["Last-Modified"] = self.modified[serial]
        return httpx2.Response(200, content=self.passes[serial], headers=headers)


@pytest.fixture
def service() -> StubService:
    return StubService()
