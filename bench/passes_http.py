"""How fast passes are handed out over HTTP (V2 of the design): changed ones beside V1's rate, unchanged ones beside an empty route.

`python -m bench.passes_http` runs the server as its operator would, and wrk on the other processor; the four are measured in turns.
"""
import asyncio
import contextlib
import email.utils
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from bench import sales_server, wallets
from bench.lines import Line, printed
from bench.passes import Maker
from bench.wallets import Phone

ROUNDS, SECONDS, CONNECTIONS, PHONES = 5, 3, 16, 400
CHANGED_BAR, UNCHANGED_BAR = 0.75, 0.60
EMPTY = """
import sys
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
import uvicorn
async def empty(request):
    return JSONResponse({})
uvicorn.run(Starlette(routes=[Route("/", empty)]), port=int(sys.argv[1]), http="httptools", loop="asyncio", access_log=False,
            log_level="error")
"""
SCRIPT = """
local requests, count = {%s}, 0
function request()
  count = count %% #requests + 1
  return wrk.format("GET", requests[count][1],
                    {["Authorization"] = "ApplePass " .. requests[count][2], ["If-Modified-Since"] = requests[count][3]})
end
"""


def main() -> int:
    """Prints each figure with its bar; 1 when one falls short."""
    if not shutil.which("wrk"):
        print("V2 is not measured here: wrk is missing")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return printed(_lines(Path(folder)))


def _lines(folder: Path) -> Iterator[Line]:
    environ, files = wallets.environment(folder)
    pocket = asyncio.run(wallets.prepare(environ, PHONES))
    maker, alone, changed, unchanged, nothing = Maker(files.folder), [], [], [], []
    with sales_server.running(environ, "web") as port, empty() as empty_port:
        dates = [_fetched(port, phone) for phone in pocket.phones]
        # A phone that was off line holds an older version: it sends that one's date and gets the new pass whole.
        older = [email.utils.format_datetime(email.utils.parsedate_to_datetime(date) - timedelta(hours=1), usegmt=True) for date in dates]
        for _ in range(ROUNDS):
            alone.append(_wall_rate(maker))
            changed.append(wrk(port, pocket.phones, older, "200"))
            unchanged.append(wrk(port, pocket.phones, dates, "304"))
            nothing.append(wrk(empty_port, None, (), "200"))
    yield ("   V1: passes built and signed, no HTTP", f"{statistics.median(alone):.0f}/s", "", True)
    yield ("   an empty Starlette JSON route", f"{statistics.median(nothing):.0f}/s", "", True)
    yield _judged("V2 GET of a changed pass, of V1's rate", changed, alone, CHANGED_BAR)
    yield _judged("V2 GET of an unchanged pass (304), of the empty route's", unchanged, nothing, UNCHANGED_BAR)


def _judged(what: str, ours: Sequence[float], theirs: Sequence[float], bar: float) -> Line:
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    return (what, f"{ratio:.2f} ({statistics.median(ours):.0f}/s)", f">= {bar:.2f}", ratio >= bar)


def _wall_rate(maker: Maker, seconds: float = 1.5) -> float:
    """V1 by the clock on the wall, as HTTP is measured."""
    begun, calls = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - begun) < seconds:
        for _ in range(20):
            maker()
        calls += 20
    return calls / elapsed


def _fetched(port: int, phone: Phone) -> str:
    """The pass's Last-Modified."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{phone.path}", headers={"Authorization": f"ApplePass {phone.token}"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200 and answer.headers["Content-Type"] == "application/vnd.apple.pkpass"
        return answer.headers["Last-Modified"]


def wrk(port: int, phones: Sequence[Phone] | None, dates: Sequence[str], status: str) -> float:
    """Answers a second; raises where one was not as meant."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--timeout", "20s"]
        if phones:
            script = Path(folder) / "passes.lua"
            rows = (f'{{"{phone.path}","{phone.token}","{date}"}}' for phone, date in zip(phones, dates, strict=True))
            script.write_text(SCRIPT % ",".join(rows))
            command += ["-s", str(script)]
        told = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True).stdout
    found, bytes_read = re.search(r"Requests/sec:\s+([\d.]+)", told), re.search(r"([\d.]+)(KB|MB|GB) read", told)
    assert found and "Socket errors" not in told and "Non-2xx" not in told, told
    assert bytes_read or status != "200", told
    return float(found[1])


@contextlib.contextmanager
def empty() -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", EMPTY, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        sales_server.wait_for(process, port, "/")
        yield port
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    sys.exit(main())
