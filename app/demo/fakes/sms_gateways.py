"""Stand-ins for the SMS gateways: each answers what the real one answers, mistakes included, and reports as it does.

Source: the forms that app/sms/twilio.py and its neighbours name. A fault is scripted for a send; what was taken is kept in `taken`.
"""
import base64
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from app.demo.fakes.sms_server import Answer, HttpServer, Request
from app.sms import twilio, vonage, webhook

USER, PASSWORD, SIGNING = "AC00000000000000000000000000000001", "canary-token-of-the-gateway", "canary-signing-secret"
HTML = Answer(200, b"<html><body><h1>Welcome to nginx!</h1></body></html>", "text/html")


@dataclass(slots=True)
class Taken:
    """A message that a gateway has. state: the gateway's own word or number for what became of it."""

    id: str
    to: str
    text: str
    sender: str
    ref: str
    report_url: str
    state: Any


@dataclass(frozen=True, slots=True)
class Call:
    """A request that a gateway makes to us."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"


@dataclass
class FakeSms:
    """One gateway. kind: as in TESSERA_SMS.

    faults: what happens to the next sends, one each: ok, html, 500, reset (taken, then cut), cut (cut before), slow (taken, answered
    after `slow_seconds`), redirect, huge (taken, a megabyte answered), or code:<the gateway's own code>. always: to all where none is left.
    before_answer: called with what was taken before the sender hears of it.
    """

    kind: str
    faults: deque[str] = field(default_factory=deque)
    always: str = "ok"
    slow_seconds: float = 30.0
    taken: list[Taken] = field(default_factory=list)
    tried: int = 0
    asked: list[str] = field(default_factory=list)
    balance: str = "4122.56"
    before_answer: Callable[[Taken], Awaitable[None]] | None = None

    def __post_init__(self) -> None:
        self.api = APIS[self.kind](self)
        self.server = HttpServer(self._answer)

    async def start(self) -> None:
        await self.server.start()

    async def stop(self) -> None:
        await self.server.stop()

    @property
    def address(self) -> str:
        """As TESSERA_SMS takes it."""
        return self.api.address(self.server.root)

    async def _answer(self, request: Request) -> Answer:
        if "?" in request.target or PASSWORD in request.target:
            return Answer(400, b"credentials or parameters in an address")
        if not self.api.is_send(request):
            self.asked.append(request.path)
            return self.api.answer(request)
        self.tried += 1
        fault = self.faults.popleft() if self.faults else self.always
        if fault.startswith("code:"):
            return self.api.refusal(fault.removeprefix("code:"), request)
        if fault in BROKEN:
            return BROKEN[fault]
        taken = self.api.read(request, len(self.taken) + 1)
        self.taken.append(taken)
        if self.before_answer is not None:
            await self.before_answer(taken)
        if fault == "reset":
            return Answer(0)
        if fault == "huge":
            return Answer(200, b"[" * 1024 * 1024)
        answer = self.api.accepted(taken)
        return Answer(answer.status, answer.body, answer.media_type, self.slow_seconds) if fault == "slow" else answer


# Nothing is taken.
BROKEN = {"html": HTML, "500": Answer(500, b"Internal Server Error", "text/plain"), "cut": Answer(0),
          "redirect": Answer(302, location="https://elsewhere.example.com/")}


def _json(told: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(told, ensure_ascii=False).encode())


def _is_basic(request: Request, user: str, password: str) -> bool:
    return request.headers.get("authorization") == f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


class Api:
    """What all have: `fake` holds what was taken."""

    def __init__(self, fake: FakeSms) -> None:
        self.fake = fake

    def by_id(self, wanted: str) -> Taken | None:
        return next((taken for taken in self.fake.taken if taken.id == wanted), None)


class TwilioApi(Api):
    def address(self, root: str) -> str:
        return f"twilio://{USER}:{PASSWORD}@?from=+15005550006&api={root}"

    def is_send(self, request: Request) -> bool:
        return request.method == "POST"

    def read(self, request: Request, number: int) -> Taken:
        form, url = request.form, request.form.get("StatusCallback", "")
        return Taken(f"SM{number:032x}", form["To"], form["Body"], form.get("From", ""), url.partition("ref=")[2], url, "queued")

    def accepted(self, taken: Taken) -> Answer:
        return _json(self._resource(taken), 201)

    def _resource(self, taken: Taken) -> dict[str, Any]:
        is_over = taken.state in ("delivered", "undelivered", "failed")
        return {"sid": taken.id, "status": taken.state, "num_segments": "1", "price": "-0.0790" if is_over else None, "price_unit": "USD",
                "error_code": None, "error_message": None, "to": taken.to, "body": taken.text}

    def refusal(self, code: str, request: Request) -> Answer:
        status = {"20003": 401, "20429": 429}.get(code, 400)
        return _json({"code": int(code), "message": f"Told: {request.form.get('Body')}", "more_info": "", "status": status}, status)

    def answer(self, request: Request) -> Answer:
        if not _is_basic(request, USER, PASSWORD):
            return self.refusal("20003", request)
        if request.path.endswith("/Balance.json"):
            return _json({"account_sid": USER, "balance": self.fake.balance, "currency": "USD"})
        taken = self.by_id(request.path.rpartition("/")[2].removesuffix(".json"))
        return _json(self._resource(taken)) if taken else _json({"code": 20404, "status": 404}, 404)

    def report(self, taken: Taken, state: str, key: str = PASSWORD) -> Call:
        form = {"MessageSid": taken.id, "MessageStatus": state, "SmsSid": taken.id, "SmsStatus": state, "AccountSid": USER,
                "From": taken.sender, "To": taken.to, "ApiVersion": "2010-04-01"}
        return self.signed(taken.report_url, form, key)

    @staticmethod
    def signed(url: str, form: Mapping[str, str], key: str = PASSWORD) -> Call:
        headers = {"X-Twilio-Signature": twilio.signature(key, url, list(form.items())), "Content-Type": FORM}
        return Call(url, headers, urlencode(form).encode())


class VonageApi(Api):
    def address(self, root: str) -> str:
        return f"vonage://{USER}:{PASSWORD}@?from=Coffee&signature={SIGNING}&method=sha256&api={root}"

    def is_send(self, request: Request) -> bool:
        return request.path == "/sms/json"

    def read(self, request: Request, number: int) -> Taken:
        form = request.form
        return Taken(f"0A{number:014X}", form["to"], form["text"], form["from"], form.get("client-ref", ""), form.get("callback", ""), "0")

    def accepted(self, taken: Taken) -> Answer:
        return _json({"message-count": "1", "messages": [{
            "to": taken.to, "message-id": taken.id, "status": "0", "remaining-balance": self.fake.balance, "message-price": "0.03330000",
            "network": "25099"}]})

    def refusal(self, code: str, request: Request) -> Answer:
        return _json({"message-count": "1", "messages": [{"status": code, "error-text": f"Told: {request.form.get('text')}"}]})

    def answer(self, request: Request) -> Answer:
        return _json({"value": float(self.fake.balance), "autoReload": False}) if _is_basic(request, USER, PASSWORD) else _json({}, 401)

    def report(self, taken: Taken, state: str, key: str = SIGNING) -> Call:
        told = {"msisdn": taken.to, "to": taken.sender, "network-code": "25099", "messageId": taken.id, "price": "0.05120000",
                "status": state, "scts": "2611221200", "err-code": "0", "message-timestamp": "2026-11-22 09:00:00",
                "client-ref": taken.ref}
        told["sig"] = vonage.signature(key, "sha256", told)
        return Call(taken.report_url, {"Content-Type": "application/json"}, json.dumps(told).encode())


class SmscApi(Api):
    def address(self, root: str) -> str:
        return f"smsc://{USER}:{PASSWORD}@?from=Coffee&api={root}"

    def is_send(self, request: Request) -> bool:
        return request.path == "/sys/send.php"

    def read(self, request: Request, number: int) -> Taken:
        form = request.form
        return Taken(str(2147483000 + number), form["phones"], form["mes"], form.get("sender", ""), "", "", 0)

    def accepted(self, taken: Taken) -> Answer:
        return _json({"id": int(taken.id), "cnt": 1, "cost": "1.4"})

    def refusal(self, code: str, request: Request) -> Answer:
        return _json({"error": f"told: {request.form.get('mes')}", "error_code": int(code)})

    def answer(self, request: Request) -> Answer:
        form = request.form
        if (form.get("login"), form.get("psw")) != (USER, PASSWORD):
            return self.refusal("2", request)
        if request.path == "/sys/balance.php":
            return _json({"balance": self.fake.balance})
        taken = self.by_id(form.get("id", ""))
        if taken is None or taken.to != form.get("phone"):
            return _json({"status": -3})
        return _json({"status": taken.state, "last_date": "22.11.2026 12:00:00", "last_timestamp": 1795338000, "err": 0, "cost": "1.40",
                      "status_name": "told"})

    def report(self, taken: Taken, state: str, key: str = "") -> Call:
        return Call("", {"Content-Type": FORM}, urlencode({"id": taken.id, "phone": taken.to, "status": state, "err": "0"}).encode())


class SmsRuApi(Api):
    def address(self, root: str) -> str:
        return f"smsru://{PASSWORD}@?api={root}"

    def is_send(self, request: Request) -> bool:
        return request.path == "/sms/send"

    def read(self, request: Request, number: int) -> Taken:
        form = request.form
        return Taken(f"202647-{1000000 + number}", form["to"], form["msg"], form.get("from", ""), "", "", 100)

    def accepted(self, taken: Taken) -> Answer:
        return _json({"status": "OK", "status_code": 100, "sms": {taken.to: {"status": "OK", "status_code": 100, "sms_id": taken.id}},
                      "balance": float(self.fake.balance)})

    def refusal(self, code: str, request: Request) -> Answer:
        """Of the account as a whole, or inside an answer that is OK outside."""
        if code in ("200", "201", "220", "300", "301", "500"):
            return _json({"status": "ERROR", "status_code": int(code), "status_text": "told"})
        told = {"status": "ERROR", "status_code": int(code), "status_text": f"told: {request.form.get('msg')}"}
        return _json({"status": "OK", "status_code": 100, "sms": {request.form["to"]: told}, "balance": float(self.fake.balance)})

    def answer(self, request: Request) -> Answer:
        if request.form.get("api_id") != PASSWORD:
            return self.refusal("200", request)
        if request.path == "/my/balance":
            return _json({"status": "OK", "status_code": 100, "balance": float(self.fake.balance)})
        wanted = request.form.get("sms_id", "")
        taken = self.by_id(wanted)
        inside = {"status": "OK", "status_code": taken.state, "cost": 2.35} if taken else {"status": "ERROR", "status_code": -1}
        return _json({"status": "OK", "status_code": 100, "sms": {wanted: inside}})

    def report(self, taken: Taken, state: str, key: str = "") -> Call:
        lines = {"data[0]": "callcheck_status\n202647-9\n401", "data[1]": f"sms_status\n{taken.id}\n{state}\n1795338000", "hash": "0" * 64}
        return Call("", {"Content-Type": FORM}, urlencode(lines).encode())


class SmsAeroApi(Api):
    def address(self, root: str) -> str:
        return f"smsaero://owner@example.com:{PASSWORD}@?from=Coffee&api={root}"

    def is_send(self, request: Request) -> bool:
        return request.path == "/v2/sms/send"

    def read(self, request: Request, number: int) -> Taken:
        told = json.loads(request.body)
        url = told.get("callbackUrl", "")
        return Taken(str(98765432100 + number), told["number"], told["text"], told["sign"], url.partition("ref=")[2], url, 0)

    def accepted(self, taken: Taken) -> Answer:
        return _json({"success": True, "data": self._data(taken), "message": None})

    def _data(self, taken: Taken) -> dict[str, Any]:
        return {"id": int(taken.id), "from": taken.sender, "number": taken.to, "text": taken.text, "status": taken.state,
                "extendStatus": "queue", "channel": "DIRECT", "cost": 1.95, "dateCreate": 1795338000, "dateSend": 1795338000}

    def refusal(self, code: str, request: Request) -> Answer:
        if code == "no credits":
            return _json({"result": "no credits"})
        if code == "reject":
            return _json({"result": "reject", "reason": "told"})
        return _json({"success": False, "message": f"told: {request.body.decode()}"}, int(code))

    def answer(self, request: Request) -> Answer:
        if not _is_basic(request, "owner@example.com", PASSWORD):
            return self.refusal("401", request)
        if request.path == "/v2/balance":
            return _json({"success": True, "data": {"balance": float(self.fake.balance)}, "message": None})
        taken = self.by_id(str(json.loads(request.body)["id"]))
        return _json({"success": True, "data": self._data(taken), "message": None}) if taken else self.refusal("404", request)

    def report(self, taken: Taken, state: str, key: str = "") -> Call:
        return Call(taken.report_url, {"Content-Type": "application/json"}, json.dumps({"id": int(taken.id), "status": state}).encode())


class WebhookApi(Api):
    def address(self, root: str) -> str:
        return f"webhook+{root.replace('//', f'//{USER}:{PASSWORD}@')}/send"

    def is_send(self, request: Request) -> bool:
        return True

    def read(self, request: Request, number: int) -> Taken:
        told = json.loads(request.body)
        return Taken(f"w-{number}", told["to"], told["text"], told["sender"], told["ref"], told.get("report", ""), "accepted")

    def accepted(self, taken: Taken) -> Answer:
        return _json({"id": taken.id}, 202)

    def refusal(self, code: str, request: Request) -> Answer:
        return Answer(int(code))

    def answer(self, request: Request) -> Answer:
        return Answer(404)

    def report(self, taken: Taken, state: str, key: str = PASSWORD, at: int = 0) -> Call:
        body = json.dumps({"id": taken.id, "state": state}).encode()
        return Call(taken.report_url, {"Content-Type": "application/json", webhook.HEADER: webhook.signed(key, at, body)}, body)


FORM = "application/x-www-form-urlencoded"
APIS: dict[str, Any] = {"twilio": TwilioApi, "vonage": VonageApi, "smsc": SmscApi, "smsru": SmsRuApi, "smsaero": SmsAeroApi,
                        "webhook": WebhookApi}
