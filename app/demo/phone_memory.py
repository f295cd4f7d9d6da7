"""What the simulated phone remembers over a restart: who it is, its update tags, and the passes it holds.

A small JSON file and the passes beside it, in a folder that only its owner may read: passes hold their tokens.
"""
import json
import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from app.passes.check import BadPass, PassContents, check_pkpass

FILE = "phone.json"


@dataclass(slots=True)
class Held:
    """A pass on the phone. last_modified: of the version held, "" before the first fetch from the update service."""

    data: bytes
    contents: PassContents
    last_modified: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.contents.pass_type_identifier, self.contents.serial_number

    @property
    def service(self) -> str:
        """webServiceURL as iOS joins it with /v1, "" for a pass that never updates."""
        return (self.contents.web_service_url or "").rstrip("/")

    def has_ended(self, now: datetime) -> bool:
        """Whether Wallet keeps it out of sight: it is void, or its own end has come. It stays on the phone all the same."""
        end = self.contents.card.get("expirationDate")
        return self.contents.is_voided or (end is not None and datetime.fromisoformat(end) <= now)

    @property
    def token(self) -> str:
        return self.contents.authentication_token or ""


@dataclass(slots=True)
class Memory:
    """The phone's state. Tags are kept per service and pass type, as iOS keeps them. folder None: kept nowhere."""

    folder: Path | None
    device_library_identifier: str
    push_token: str
    tags: dict[str, str] = field(default_factory=dict)
    passes: dict[tuple[str, str], Held] = field(default_factory=dict)

    def save(self) -> None:
        """Write everything; a file is replaced whole, so that a stop in between leaves the old state."""
        if self.folder is None:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        entries = []
        for number, held in enumerate(self.passes.values()):
            _replace(self.folder / f"{number}.pkpass", held.data)
            entries.append({"file": f"{number}.pkpass", "last_modified": held.last_modified})
        told = {"device_library_identifier": self.device_library_identifier, "push_token": self.push_token,
                "tags": self.tags, "passes": entries}
        _replace(self.folder / FILE, json.dumps(told, indent=1).encode())


def load(folder: Path | None, root_pem: bytes | None) -> Memory:
    """What was saved in `folder`, or a new phone. A pass that no longer verifies, or a torn file, is forgotten."""
    try:
        told: dict[str, Any] = json.loads((folder / FILE).read_bytes()) if folder else {}
    except (FileNotFoundError, ValueError):
        told = {}
    memory = Memory(folder, str(told.get("device_library_identifier") or secrets.token_hex(16)),
                    str(told.get("push_token") or secrets.token_hex(32)), dict(told.get("tags", {})))
    for entry in told.get("passes", []):
        assert folder is not None
        try:
            data = (folder / entry["file"]).read_bytes()
            held = Held(data, check_pkpass(data, root_pem=root_pem), entry["last_modified"])
        except (BadPass, FileNotFoundError):
            continue
        memory.passes[held.key] = held
    return memory


def _replace(path: Path, data: bytes) -> None:
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    new.replace(path)
