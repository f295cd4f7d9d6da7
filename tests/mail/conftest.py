"""A real mail server on this machine, which takes, refuses, and hangs up as it is told."""
import socket
import ssl
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from app.demo.certificates import DemoCertificates, make_demo_certificates
from app.mail import smtp
from tests.money import NOON


class Post:
    """What the server answers, and what it got: (envelope sender, recipients, content)."""

    def __init__(self) -> None:
        self.at_recipient, self.at_data, self.hangs_up, self.got, self.signed_in = "250 OK", "250 OK", False, [], []
        self.url = ""

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.at_recipient.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.at_recipient

    async def handle_DATA(self, server, session, envelope):
        if self.at_data.startswith("2"):
            self.got.append((envelope.mail_from, list(envelope.rcpt_tos), bytes(envelope.content)))
        if self.hangs_up:
            server.transport.abort()
        return self.at_data

    def authenticate(self, server, session, envelope, mechanism, data):
        self.signed_in.append((data.login, data.password))
        is_right = data.password == b"a b@c"
        return AuthResult(success=is_right, handled=is_right)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    """Their server certificate is for localhost and 127.0.0.1, by a root of our own."""
    return make_demo_certificates(tmp_path_factory.mktemp("mail"), pass_type_identifier="pass.example.mail", team_identifier="TESSERA001",
                                  now=NOON)


class _Secured(Controller):
    """STARTTLS and a sign-in are demanded before anything else."""

    def factory(self):
        return SMTP(self.handler, hostname="mail.example.com", tls_context=self.context, require_starttls=True, auth_required=True,
                    authenticator=self.handler.authenticate, auth_require_tls=True)


def _context(certificates: DemoCertificates) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificates.apns, certificates.apns_key)
    return made


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def post() -> Iterator[Post]:
    """Plain SMTP on loopback, as a relay on the same machine."""
    made = Post()
    controller = Controller(made, hostname="127.0.0.1", port=_free_port())
    controller.start()
    made.url = f"smtp://127.0.0.1:{controller.port}"
    yield made
    controller.stop()


@pytest.fixture
def secured(certificates, monkeypatch) -> Iterator[Post]:
    """A server elsewhere: STARTTLS, a password with letters that an address has to escape."""
    monkeypatch.setattr(smtp, "is_local", lambda host: False)
    made = Post()
    controller = _Secured(made, hostname="127.0.0.1", port=_free_port())
    controller.context = _context(certificates)
    controller.start()
    made.url = f"smtp://cards%40example.com:a%20b%40c@127.0.0.1:{controller.port}"
    yield made
    controller.stop()


@pytest.fixture
def trusted(certificates, monkeypatch) -> None:
    """The machine trusts the root of our own."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.root))
