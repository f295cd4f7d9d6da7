"""`doctor` about both wallets and the public address: each thing that can be wrong is made wrong, and its sentence read."""
import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from app import settings, start
from app.clock import FixedClock, to_ms
from app.commands import doctor
from app.commands.examining.line import Line
from app.db import write_transaction
from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.demo.fakes import apns as fake_apns
from app.demo.fakes.apns import FakeApns
from app.demo.fakes.google import ISSUER, FakeGoogle
from app.demo.fakes.google_accounts import new_account
from app.demo.fakes.google_shelf import CLASS
from app.google import store as google_store
from tests.commands.conftest import Run
from tests.money import Bed, make_bed

PASS_TYPE, TEAM = "pass.example.x", "TEAM123456"
CLASS_ID = f"{ISSUER}.points"
NOW = datetime.now(UTC)


@pytest.fixture
def certificates(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DemoCertificates:
    """The server's own, in its settings."""
    files = make_demo_certificates(tmp_path / "certs", pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=NOW)
    for name, file in (("CERTIFICATE", files.certificate), ("KEY", files.key), ("WWDR", files.wwdr)):
        monkeypatch.setenv(f"TESSERA_APPLE_{name}", str(file))
    return files


@pytest.fixture
def migrated(run: Run) -> None:
    assert run("migrate") == 0


@pytest.fixture
async def bed(migrated: None) -> AsyncIterator[Bed]:
    """A business with a programme and a card, in the data folder that doctor looks at."""
    async with start.opened(settings.load()) as here:
        yield await make_bed(here.db)


async def told(*words: str) -> Line:
    """The line of doctor that holds all of `words`."""
    lines = await doctor.examine()
    found = [line for line in lines if all(word in str(line) for word in words)]
    assert len(found) == 1, "\n".join(map(str, lines))
    return found[0]


# Apple

@pytest.fixture
async def apns(certificates: DemoCertificates, bed: Bed, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeApns]:
    """Push servers that the settings name, and a pass, so that its type is known."""
    await issue_pass(bed, PASS_TYPE, TEAM)
    fake = FakeApns(certificates.apns, certificates.apns_key, certificates.root)
    await fake.start()
    monkeypatch.setenv("TESSERA_APNS", f"https://{fake.address}")
    monkeypatch.setenv("TESSERA_APNS_CA", str(certificates.root))
    yield fake
    await fake.stop()


async def issue_pass(bed: Bed, pass_type: str, team: str) -> None:
    async def act(tx: Any) -> None:
        kind = await tx.fetch_val("INSERT INTO pass_types(short_id, pass_type_identifier, team_identifier, created_at) "
                                  "VALUES ('s', :type, :team, 1) RETURNING id", {"type": pass_type, "team": team})
        await tx.execute("INSERT INTO passes(business_id, card_id, pass_type_id, serial_number, authentication_token_sealed, created_at) "
                         "VALUES (:business, :card, :kind, 'serial', :nothing, 1)",
                         {"business": bed.business_id, "card": bed.card_id, "kind": kind, "nothing": b"-"})

    await write_transaction(bed.db, act)


async def test_apns_that_takes_the_certificate_is_said(apns: FakeApns) -> None:
    line = await told("takes pushes of pass.example.x")
    assert line.level == "ok"
    assert [push.topic for push in apns.pushes] == [PASS_TYPE]


async def test_apns_that_refuses_the_certificate_is_found_with_its_reason(apns: FakeApns) -> None:
    apns.faults.answers.append(fake_apns.Answer(403, "BadCertificate"))
    line = await told("refuses the certificate of pass.example.x", "403 BadCertificate")
    assert line.level == "fail"
    assert "Was it revoked?" in line.advice


async def test_apns_that_cannot_be_reached_is_found(apns: FakeApns) -> None:
    await apns.stop()
    line = await told("cannot be reached, or does not answer")
    assert line.level == "warn"
    assert "port 443" in line.advice


async def test_another_team_than_that_of_the_issued_passes_is_found(certificates: DemoCertificates, bed: Bed) -> None:
    await issue_pass(bed, PASS_TYPE, "OTHERTEAM1")
    line = await told("belongs to team TEAM123456", "issued by team OTHERTEAM1")
    assert line.level == "fail"


async def test_passes_of_a_type_without_a_certificate_are_found(certificates: DemoCertificates, bed: Bed) -> None:
    await issue_pass(bed, "pass.example.former", TEAM)
    line = await told("1 passes were issued as pass.example.former", "never updated again")
    assert line.level == "fail"


async def test_a_key_that_does_not_belong_to_the_certificate_is_found(certificates: DemoCertificates, bed: Bed, tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    other = make_demo_certificates(tmp_path / "other", pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=NOW)
    monkeypatch.setenv("TESSERA_APPLE_KEY", str(other.key))
    line = await told("The private key does not belong to the pass certificate")
    assert line.level == "fail"


# Google

@pytest.fixture
async def google(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeGoogle]:
    """Google, with the server's own issuer in the settings."""
    fake = FakeGoogle()
    await fake.start()
    monkeypatch.setenv("TESSERA_GOOGLE_ISSUER", ISSUER)
    monkeypatch.setenv("TESSERA_GOOGLE_ACCOUNT_PEM", json.dumps(fake.new_account()))
    monkeypatch.setenv("TESSERA_GOOGLE_API", fake.api)
    monkeypatch.setenv("TESSERA_GOOGLE_TOKEN", fake.token)
    yield fake
    await fake.stop()


async def add_class(bed: Bed, fake: FakeGoogle, *, held: int = 0) -> None:
    """A class that is at Google, with so many cards that somebody holds."""
    fake.shelf.insert(CLASS, {"id": CLASS_ID, "issuerName": "Coffee", "programName": "Points", "reviewStatus": "UNDER_REVIEW",
                              "programLogo": {"sourceUri": {"uri": "https://cards.example.com/logo.png"}}})

    async def act(tx: Any) -> None:
        await google_store.insert_class(tx, {"business_id": bed.business_id, "program_id": bed.program_id, "issuer_id": ISSUER,
                                             "class_id": CLASS_ID, "now": to_ms(NOW)})
        await tx.execute("UPDATE google_classes SET is_created = 1, sent = wanted")
        for at in range(held):
            await tx.execute("INSERT INTO google_objects(business_id, card_id, class_row_id, object_id, is_created, has_users, due_at, "
                             "created_at) SELECT business_id, :card, id, :object_id, 1, 1, 1, 1 FROM google_classes",
                             {"card": bed.card_id, "object_id": f"{ISSUER}.{at}"})

    await write_transaction(bed.db, act)


async def test_an_issuer_that_works_is_said(google: FakeGoogle) -> None:
    line = await told(f"Google issuer {ISSUER} takes tessera@")
    assert line.level == "ok"


async def test_a_wrong_google_key_is_found(google: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_GOOGLE_ACCOUNT_PEM", json.dumps(new_account(google.token)))
    line = await told("Google refuses the key of", "invalid_grant")
    assert line.level == "fail"
    assert "Make a new key" in line.advice


async def test_a_google_key_that_is_no_key_is_found(google: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_GOOGLE_ACCOUNT_PEM", '{"client_email": "x@y.example"}')
    line = await told("TESSERA_GOOGLE_ACCOUNT cannot be used")
    assert line.level == "fail"


async def test_a_wrong_issuer_id_is_found(google: FakeGoogle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_GOOGLE_ISSUER", "3388000000099999999")
    line = await told("may not use Google issuer 3388000000099999999", "403 permissionDenied")
    assert line.level == "fail"
    assert "under Users as a Developer" in line.advice


async def test_a_token_address_that_is_down_is_a_warning(google: FakeGoogle) -> None:
    google.faults.token = 503
    line = await told("token address", "cannot be reached (503")
    assert line.level == "warn"


async def test_a_class_under_review_is_found(google: FakeGoogle, bed: Bed) -> None:
    google.shelf.auto_approve = False
    await add_class(bed, google)
    line = await told(f"Google still reviews the class {CLASS_ID}")
    assert line.level == "warn"
    assert "publishing access" in line.advice


async def test_a_callback_that_never_came_is_found(google: FakeGoogle, bed: Bed) -> None:
    await add_class(bed, google, held=1)
    line = await told("Google has never called back about the class", "1 of its cards are held")
    assert "https://cards.example.com/google/callback" in line.advice
    await write_transaction(bed.db, lambda tx: tx.execute("UPDATE google_classes SET callback_at = 1"))
    assert not [line for line in await doctor.examine() if "never called back" in line.what]


async def test_a_clock_that_differs_from_googles_is_found(google: FakeGoogle) -> None:
    google.clock = google.accounts.clock = FixedClock(datetime.now(UTC) + timedelta(minutes=10))
    line = await told("The clock of this machine differs from Google's by")
    assert line.level == "fail"
    assert "set-ntp" in line.advice


# The way in

async def test_an_address_without_https_is_refused_with_its_reason(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_URL", "http://cards.example.com")
    assert (await told("TESSERA_URL must begin with https://")).level == "fail"


async def test_an_address_that_nobody_answers_is_found(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESSERA_URL", "https://127.0.0.1:9")
    line = await told("https://127.0.0.1:9 does not answer from here")
    assert "Is the server running" in line.advice


class Authority:
    """A root, an intermediate of it, and certificates for this machine in every state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root_key, self.middle_key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
        self.root = self._made("root", self.root_key, "root", self.root_key, is_authority=True)
        self.middle = self._made("middle", self.middle_key, "root", self.root_key, is_authority=True)

    def _made(self, name: str, key: rsa.RSAPrivateKey, issuer: str, issuer_key: rsa.RSAPrivateKey, *, is_authority: bool = False,
              host: str = "localhost", ends: datetime = NOW + timedelta(days=1)) -> x509.Certificate:
        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

        made = x509.CertificateBuilder(named(issuer), named(name), key.public_key(), x509.random_serial_number(),
                                       NOW - timedelta(days=9), ends)
        made = made.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return made.sign(issuer_key, hashes.SHA256())

    def tls(self, *, chain: bool = True, alone: bool = False, **differing: Any) -> ssl.SSLContext:
        """What a server shows. chain False: the leaf without the intermediate; alone: signed by itself."""
        key = rsa.generate_private_key(65537, 2048)
        signs = ("leaf", key) if alone else ("middle", self.middle_key)
        leaf = self._made("leaf", key, *signs, **differing)
        path = self.folder / "server.pem"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + leaf.public_bytes(Encoding.PEM)
                         + (self.middle.public_bytes(Encoding.PEM) if chain and not alone else b""))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """The only authority that this process trusts."""
    made = Authority(tmp_path)
    (tmp_path / "root.pem").write_bytes(made.root.public_bytes(Encoding.PEM))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return made


@pytest.mark.parametrize(("shown", "words", "advice"), [
    ({"alone": True}, "is signed by itself", "public authorities"),
    ({"ends": NOW - timedelta(days=2)}, "has expired", "Renew it"),
    ({"host": "other.example"}, "is for another name", "names this host"),
    ({"chain": False}, "lacks its intermediate certificates", "fullchain.pem")])
async def test_a_chain_that_phones_refuse_is_named(bed: Bed, authority: Authority, monkeypatch: pytest.MonkeyPatch,
                                                   shown: dict[str, Any], words: str, advice: str) -> None:
    async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0, ssl=authority.tls(**shown))
    monkeypatch.setenv("TESSERA_URL", f"https://localhost:{server.sockets[0].getsockname()[1]}")
    line = await told(f"The TLS certificate of localhost {words}")
    server.close()
    assert (line.level, advice in line.advice) == ("fail", True)


async def test_somebody_else_at_the_address_is_found(bed: Bed, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0, ssl=authority.tls())
    monkeypatch.setenv("TESSERA_URL", f"https://localhost:{server.sockets[0].getsockname()[1]}")
    line = await told("but not this server")
    server.close()
    assert line.level == "warn"
