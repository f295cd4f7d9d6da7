"""A receiver of Tessera's webhooks that needs Python's own library alone: checks each signature, drops repetitions, answers at once.

TESSERA_WEBHOOK_SECRET=whsec_… python webhook_receiver.py      listens on port 8099, behind a proxy that speaks TLS
"""
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300
BODY_MOST = 256 * 1024
seen: set[str] = set()          # in earnest: a table with a unique column


def is_genuine(secret: str, header: str, body: bytes, now: float) -> bool:
    """header: of Tessera-Signature; body: the bytes as they came, before anything parses them."""
    parts = [part.split("=", 1) for part in header.split(",") if "=" in part]
    times = [value for name, value in parts if name == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit()) or abs(now - int(times[0])) > TOLERANCE_SECONDS:
        return False
    right = hmac.new(secret.encode(), times[0].encode() + b"." + body, hashlib.sha256).hexdigest()
    # While a secret is being changed there are two v1: one of them must be ours.
    return any(hmac.compare_digest(value, right) for name, value in parts if name == "v1" and value.isascii())


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, BODY_MOST))
        if not is_genuine(os.environ["TESSERA_WEBHOOK_SECRET"], self.headers.get("Tessera-Signature", ""), body, time.time()):
            self.send_error(401)
            return
        event = json.loads(body)
        if event["id"] not in seen:
            seen.add(event["id"])
            print(event["at"], event["kind"], json.dumps(event["data"], ensure_ascii=False))
        self.send_response(204)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", 8099), Receiver).serve_forever()
