"""What Google keeps of loyalty cards: classes, objects, who holds them, what it told them; and its rules about all of it.

Source: Google, "Wallet REST API" (loyaltyclass, loyaltyobject, addmessage). Bodies are judged by the same schema that Tessera ships,
which is stricter than Google: what passes here passes there.
"""
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from app.clock import Clock, to_ms
from app.google.checks import validator
from app.google.rules import issuer_of
from app.start import write_secret

CLASS, OBJECT = "loyaltyClass", "loyaltyObject"
QUOTA, QUOTA_SPAN = 3, timedelta(hours=24)      # notifications of one card
NOTICES_KEPT = 50
# A change of these may notify; any other is silent, whatever notifyPreference says.
NOTIFYING = ("loyaltyPoints", "secondaryLoyaltyPoints")
# One kind of value takes the place of another here; everywhere else PATCH merges.
WHOLE = frozenset({"balance", "sourceUri"})
Body = dict[str, Any]


class Refusal(Exception):
    """Google's no: a status, a reason, a sentence. domain: walletobjects, or global for what its front gate says."""

    def __init__(self, status: int, reason: str, message: str, domain: str = "walletobjects") -> None:
        super().__init__(message)
        self.status, self.reason, self.domain = status, reason, domain

    def body(self) -> Body:
        text = str(self)
        return {"error": {"code": self.status, "message": text,
                          "errors": [{"message": text, "domain": self.domain, "reason": self.reason}]}}


@dataclass(frozen=True, slots=True)
class Notice:
    """What a holder's phone showed. header and text are the issuer's for a message; for a changed balance both are empty."""

    object_id: str
    at_ms: int
    header: str = ""
    text: str = ""


@dataclass
class Shelf:
    """Everything that survives a restart: kept in `file` after each change, where there is one.

    auto_approve False: a class under review stays there until `approve`. changed: called after each change.
    """

    clock: Clock
    file: Path | None = None
    auto_approve: bool = True
    changed: Callable[[], None] = lambda: None
    classes: dict[str, Body] = field(default_factory=dict)
    objects: dict[str, Body] = field(default_factory=dict)
    holders: dict[str, int] = field(default_factory=dict)           # object id: when it was saved, ms
    notified: dict[str, list[int]] = field(default_factory=dict)    # class or object id: when its holders were told, ms
    notices: deque[Notice] = field(default_factory=lambda: deque(maxlen=NOTICES_KEPT))

    # The calls

    def insert(self, kind: str, body: Body) -> Body:
        check("LoyaltyClass" if kind == CLASS else "LoyaltyObject", body)
        if body["id"] in self._of(kind):
            raise Refusal(409, "alreadyExists", f"{_noun(kind)} {body['id']} already exists.")
        return self._keep(kind, body)

    def get(self, kind: str, name: str) -> Body:
        return self._shown(kind, self._stored(kind, name))

    def patch(self, kind: str, name: str, body: Body) -> Body:
        """Merge into what is there; arrays are replaced whole."""
        check("LoyaltyClassPatch" if kind == CLASS else "LoyaltyObjectPatch", body)
        stored = self._stored(kind, name)
        return self._change(kind, name, stored, merged(stored, body), body)

    def put(self, kind: str, name: str, body: Body) -> Body:
        """Replace; what is left out is gone."""
        check("LoyaltyClass" if kind == CLASS else "LoyaltyObject", body)
        return self._change(kind, name, self._stored(kind, name), body, body)

    def add_message(self, kind: str, name: str, body: Body) -> Body:
        check("AddMessageRequest", body)
        stored, message = self._stored(kind, name), body["message"]
        messages = [*stored.get("messages", []), message]
        if len(messages) > 10:
            raise Refusal(400, "invalid", f"{_noun(kind)} {name} holds 10 messages already.")
        if message.get("messageType") == "TEXT_AND_NOTIFY":
            self._count_notice(kind, name, "when adding TEXT_AND_NOTIFY message")
            self._tell(kind, name, message.get("header", ""), message.get("body", ""))
        self._of(kind)[name] = {**stored, "messages": messages}
        self._save()
        return {"resource": self.get(kind, name)}

    def listed(self, kind: str, of: str, most: int | None, start: int) -> Body:
        """Those of an issuer (classes) or of a class (objects); most None: all at once. start: how many to pass over."""
        if kind == OBJECT:
            self._stored(CLASS, of)
        names = [name for name, body in self._of(kind).items()
                 if (body["classId"] == of if kind == OBJECT else issuer_of(name) == of)]
        page = names[start:] if most is None else names[start:start + most]
        told: Body = {"resources": [self.get(kind, name) for name in page], "pagination": {"resultsPerPage": len(page)}}
        if start + len(page) < len(names):
            told["pagination"]["nextPageToken"] = str(start + len(page))
        return told

    # What people do

    def hold(self, object_id: str) -> None:
        """Somebody saves the card."""
        self._stored(OBJECT, object_id)
        self.holders.setdefault(object_id, to_ms(self.clock.now()))
        self._save()

    def let_go(self, object_id: str) -> None:
        """The last holder removes it; the object stays."""
        self.holders.pop(object_id, None)
        self._save()

    def approve(self, class_id: str) -> None:
        """Google's review ends well."""
        self._stored(CLASS, class_id)["reviewStatus"] = "APPROVED"
        self._save()

    # Inside

    def _of(self, kind: str) -> dict[str, Body]:
        return self.classes if kind == CLASS else self.objects

    def _stored(self, kind: str, name: str) -> Body:
        if name not in self._of(kind):
            raise Refusal(404, f"{'class' if kind == CLASS else 'object'}NotFound", f"{_noun(kind)} {name} was not found.")
        return self._of(kind)[name]

    def _shown(self, kind: str, stored: Body) -> Body:
        """The resource as answers carry it, with what only Google sets: to send that back is refused."""
        if kind == CLASS:
            return {**stored, "version": "1"}
        return {**stored, "version": "1", "hasUsers": stored["id"] in self.holders, "classReference": self.classes[stored["classId"]]}

    def _change(self, kind: str, name: str, old: Body, new: Body, sent: Body) -> Body:
        if new["id"] != name:
            raise Refusal(400, "invalid", f"The body is of {new['id']}, the address of {name}.")
        check("LoyaltyClass" if kind == CLASS else "LoyaltyObject", {**new, "reviewStatus": "UNDER_REVIEW"} if kind == CLASS else new)
        if kind == CLASS and sent.get("reviewStatus") != "UNDER_REVIEW" and old["reviewStatus"] != "DRAFT":
            raise Refusal(400, "invalidReviewStatus", f"Invalid review status for an update of class {name}: it must be UNDER_REVIEW.")
        moved = kind == OBJECT and any(_balance(old, part) != _balance(new, part) for part in NOTIFYING)
        if moved and sent.get("notifyPreference") == "NOTIFY_ON_UPDATE":
            self._count_notice(kind, name, "when updating with NOTIFY_ON_UPDATE")
            self._tell(kind, name, "", "")
        return self._keep(kind, new)

    def _keep(self, kind: str, body: Body) -> Body:
        kept = {key: value for key, value in body.items() if key != "notifyPreference"}     # one-shot
        if kind == CLASS:
            if kept["reviewStatus"] == "UNDER_REVIEW" and self.auto_approve:
                kept["reviewStatus"] = "APPROVED"
        elif self._stored(CLASS, kept["classId"])["reviewStatus"] != "APPROVED":
            raise Refusal(400, "classNotApproved", f"Class {kept['classId']} is not approved.")
        self._of(kind)[kept["id"]] = kept
        self._save()
        return self.get(kind, kept["id"])

    def _count_notice(self, kind: str, name: str, when: str) -> None:
        now = to_ms(self.clock.now())
        recent = [at for at in self.notified.get(name, []) if at > now - QUOTA_SPAN // timedelta(milliseconds=1)]
        if len(recent) >= QUOTA:
            raise Refusal(403, "quotaExceeded", f"Quota exceeded for issuer {issuer_of(name)} {when}.")
        self.notified[name] = [*recent, now]

    def _tell(self, kind: str, name: str, header: str, text: str) -> None:
        """The phones of whoever holds it: of one card, or of all cards of a class."""
        held = [name] if kind == OBJECT else [one for one in self.holders if self.objects[one]["classId"] == name]
        self.notices += [Notice(one, to_ms(self.clock.now()), header, text) for one in held if one in self.holders]

    def _save(self) -> None:
        if self.file is not None:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_secret(self.file, json.dumps({"classes": self.classes, "objects": self.objects, "holders": self.holders,
                                                "notified": self.notified}, ensure_ascii=False))
        self.changed()

    def load(self) -> None:
        """What an earlier start left in `file`."""
        if self.file is not None and self.file.exists():
            for name, kept in json.loads(self.file.read_text("utf-8")).items():
                getattr(self, name).update(kept)


def merged(stored: Mapping[str, Any], change: Mapping[str, Any]) -> Body:
    """PATCH: what is named replaces, objects inside are merged, arrays are not."""
    made = dict(stored)
    for key, value in change.items():
        before = made.get(key)
        made[key] = merged(before, value) if isinstance(value, dict) and isinstance(before, dict) and key not in WHOLE else value
    return made


def check(shape: str, body: Any) -> None:
    """Raises Refusal (400) with the first thing wrong. shape: a definition of the schema."""
    for error in validator(shape).iter_errors(body):
        raise Refusal(400, "invalid", f"Invalid value at '{error.json_path}': {error.message[:300]}")


def _noun(kind: str) -> str:
    return "Class" if kind == CLASS else "Object"


def _balance(body: Body, part: str) -> Any:
    return body.get(part, {}).get("balance")
