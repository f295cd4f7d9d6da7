"""nginx and Caddy with the site files of deploy/, as shipped but for addresses, certificate and how long the slow are waited for."""
import contextlib
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNPACKED = ROOT / ".venv" / "proxies"
HEADER_WAIT = "1500ms"         # Caddy asks it of the handshake too, and the machine may be busy


def find_program(name: str) -> str | None:
    """Its path: unpacked by `make test`, or installed on this machine."""
    for folder in ("usr/sbin", "usr/bin"):
        if (UNPACKED / folder / name).exists():
            return str(UNPACKED / folder / name)
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def program(name: str) -> str:
    found = find_program(name)
    assert found, f"{name} is missing: `make test` fetches it"
    return found


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def replaced(text: str, **pairs: tuple[str, str]) -> str:
    """Each of the shipped words by another, which it must hold."""
    for old, new in pairs.values():
        assert old in text, f"the shipped file does not say {old}"
        text = text.replace(old, new)
    return text


def nginx_file(folder: Path, port: int, behind: int, header_wait: str, connections: int) -> Path:
    site = replaced((ROOT / "deploy" / "nginx.conf").read_text("utf-8"), app=("127.0.0.1:8000", f"127.0.0.1:{behind}"),
                    tls=("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"), plain=("listen 80;", f"listen 127.0.0.1:{free_port()};"),
                    certificate=("/etc/ssl/tessera/fullchain.pem", f"{folder}/cert.pem"),
                    key=("/etc/ssl/tessera/privkey.pem", f"{folder}/key.pem"),
                    wait=("client_header_timeout 10s", f"client_header_timeout {header_wait}"))
    (folder / "site.conf").write_text(site)
    paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    main = folder / "nginx.conf"
    main.write_text(f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
                    f"events {{ worker_connections {connections}; }}\n"
                    f"http {{ access_log off; {paths} include {folder}/site.conf; }}")
    return main


def caddy_file(folder: Path, port: int, behind: int) -> Path:
    text = replaced((ROOT / "deploy" / "Caddyfile").read_text("utf-8"), app=("127.0.0.1:8000", f"127.0.0.1:{behind}"),
                    site=("\ncards.example.com {",
                          f"\ncards.example.com:{port} {{\n\tbind 127.0.0.1\n\ttls {folder}/cert.pem {folder}/key.pem"),
                    options=("{\n\tservers {", "{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {"),
                    wait=("read_header 10s", f"read_header {HEADER_WAIT}"), body=("read_body 60s", "read_body 1500ms"))
    made = folder / "Caddyfile"
    made.write_text(text)
    return made


@contextmanager
def running_proxy(name: str, folder: Path, behind: int, *, header_wait: str = HEADER_WAIT, connections: int = 512) -> Iterator[int]:
    """The proxy before the server on port `behind`; gives its own port once it listens.

    header_wait, connections: of nginx, to both sides together.
    """
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=cards.example.com", "-addext", "subjectAltName=DNS:cards.example.com", "-keyout", folder / "key.pem", "-out",
                    folder / "cert.pem"], check=True, capture_output=True)
    port = free_port()
    if name == "nginx":
        file = nginx_file(folder, port, behind, header_wait, connections)
        command = [program("nginx"), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(file)]
        subprocess.run([*command, "-t"], check=True, capture_output=True)
    else:
        command = [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(caddy_file(folder, port, behind))]
    process = subprocess.Popen(command, env={**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 10):
                break
            assert process.poll() is None, f"{name} did not start"
        yield port
    finally:
        process.kill()          # told to end, it would wait for its clients
        process.wait(20)


def trusting(folder: Path, *protocols: str) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=folder / "cert.pem")
    made.set_alpn_protocols(list(protocols) or ["http/1.1"])
    return made
