"""Tills over HTTP: wrk for the rate (kept connections, JSON bodies, a new key each), own paced connections for the delay at a rate."""
import asyncio
import itertools
import json
import random
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CONNECTIONS = 32
SALE = {"amount": 100_000, "redeem": {"points": 10}}
_SCRIPT = """
local cards = {%(cards)s}
local count, failed = 0, 0
function init() math.randomseed(os.time()) end
function request()
  count = count + 1
  local body = '{"card":"' .. cards[math.random(#cards)] .. '",%(sale)s' .. %(receipt)s .. '}'
  return wrk.format("POST", "%(path)s", {["Authorization"] = "Bearer %(key)s", ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = "%(run)s-" .. count}, body)
end
"""
_runs = itertools.count(int(time.time() * 1000))


def rate(port: int, api_key: str, cards: list[str], seconds: float, connections: int = CONNECTIONS, *, sale: Mapping[str, Any] = SALE,
         path: str = "/api/v1/sales") -> float:
    """Answers a second, every one of them 2xx; raises where one was not. sale: what a body says besides card and receipt."""
    if not shutil.which("wrk"):
        raise RuntimeError("wrk is missing: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "sale.lua"
        run = f"w{next(_runs)}"
        receipt = f"""',"receipt":"{run}-' .. count .. '"'""" if path == "/api/v1/sales" else "''"
        script.write_text(_SCRIPT % {"cards": ",".join(f'"{card}"' for card in cards), "run": run, "key": api_key, "path": path,
                                     "sale": json.dumps(sale)[1:-1], "receipt": receipt})
        told = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "20s", "-s", str(script), f"http://127.0.0.1:{port}"],
                              capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(told)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1])  # type: ignore[index]


async def delays(port: int, api_key: str, cards: list[str], per_second: float, seconds: float, *,
                 sale: Mapping[str, Any] = SALE) -> list[float]:
    """Milliseconds from when each sale was due to its answer, sorted; open model: a late answer delays nobody's start."""
    run, count = f"p{next(_runs)}", int(per_second * seconds)
    queue: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
    took: list[float] = []

    async def till() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            number, due = await queue.get()
            body = json.dumps({"card": random.choice(cards), **sale}).encode()
            writer.write(b"POST /api/v1/sales HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n"
                         b"Idempotency-Key: %s-%d\r\nContent-Length: %d\r\n\r\n%s"
                         % (api_key.encode(), run.encode(), number, len(body), body))
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            assert head.startswith(b"HTTP/1.1 201") and length, head
            await reader.readexactly(int(length[1]))
            took.append((time.perf_counter() - due) * 1000)
            queue.task_done()

    tills = [asyncio.create_task(till()) for _ in range(CONNECTIONS)]
    begin = time.perf_counter() + 0.2
    for number in range(count):
        due = begin + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        queue.put_nowait((number, due))
    await queue.join()
    for one in tills:
        one.cancel()
    return sorted(took)
