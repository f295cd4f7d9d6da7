"""A web shop's side of Tessera: the basket asks, the paid order counts once, a return goes back. Python 3.8 or newer, nothing to install.

Runs on the shop's server: the key must never reach a browser.
"""
import json
import time
import urllib.error
import urllib.parse
import urllib.request

TRIES = 4
TIMEOUT_SECONDS = 10


class Refused(Exception):
    """Tessera says no: `code` for the program, `sentence` for the shopper."""

    def __init__(self, status, problem):
        super().__init__(problem.get("detail", "refused"))
        self.status, self.code, self.sentence, self.problem = status, problem.get("code", ""), problem.get("detail", ""), problem


class Loyalty:
    """url: of the server; key: of a key whose channel is "web", with cards:read, cards:write and sales:write."""

    def __init__(self, url, key, language="en"):
        self.url, self.key, self.language = url.rstrip("/") + "/api/v1", key, language

    def card_of(self, phone):
        """The shopper's card, or None. A phone may own several: let the shopper choose."""
        cards = self._call("GET", "/cards?code=" + urllib.parse.quote(phone, safe=""))["items"]
        return cards[0] if cards else None

    def join(self, order, program, phone, name, agreed_to_news):
        """An active card for a shopper who agreed to the terms in your own form, or the one that they have."""
        try:
            return self._call("POST", "/cards", {"program": program, "customer": {"phone": phone, "name": name},
                                                 "consent": {"terms": True, "marketing": agreed_to_news}}, "join-" + order)
        except Refused as refused:
            if refused.code != "already_member":
                raise
            return self._call("GET", "/cards/" + refused.problem["card"])

    def basket(self, card, lines, points=0, promo_code=None):
        """What to show in the basket: to_pay, discount, to_earn, redeemable. Changes nothing. Amounts are kopecks or cents."""
        return self._call("POST", "/sales/quote", self._purchase(card, lines, points, promo_code))

    def paid(self, order, card, lines, shown_to_pay, points=0, promo_code=None):
        """Once the order is paid; as often as you like: an order counts once. 409 quote_changed: show the new basket before paying."""
        body = self._purchase(card, lines, points, promo_code)
        return self._call("POST", "/sales", {**body, "receipt": order, "expect": {"to_pay": shown_to_pay}}, "order-" + order)

    def returned(self, order, operation, amount, number):
        """Goods came back for `amount`; number: of this return. `pay_back` of the answer goes to the shopper."""
        return self._call("POST", "/sales/" + operation + "/refunds", {"amount": amount, "receipt": number},
                          "return-" + order + "-" + number)

    @staticmethod
    def _purchase(card, lines, points, promo_code):
        return {"card": card["id"], "amount": sum(line["amount"] for line in lines), "lines": lines, "redeem": {"points": points},
                "promo_code": promo_code}

    def _call(self, method, path, body=None, once=None):
        """Repeats what was not answered: the same Idempotency-Key makes that safe."""
        headers = {"Authorization": "Bearer " + self.key, "Accept-Language": self.language}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if once is not None:
            headers["Idempotency-Key"] = once
        for left in reversed(range(TRIES)):
            sent = json.dumps(body).encode() if body is not None else None
            request = urllib.request.Request(self.url + path, sent, headers, method=method)
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                with error:
                    problem = json.load(error)
                if error.code not in (429, 503) or not left:
                    raise Refused(error.code, problem) from error
                time.sleep(int(error.headers.get("Retry-After", "1")))
            except (urllib.error.URLError, TimeoutError):
                if not left:
                    raise
                time.sleep(1)
