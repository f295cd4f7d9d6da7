"""What a running program holds: made once by `main.py` or a command, handed to whoever needs a part of it."""
from dataclasses import dataclass, field
from typing import Any

from app.clock import Clock
from app.db import Database
from app.ids import PublicIds
from app.secrets import KeyRing
from app.settings import Settings


@dataclass
class Context:
    """The parts of a running program. `extras` holds what single rooms keep for its life (a signer, a broker), by room."""

    settings: Settings
    db: Database
    ring: KeyRing
    ids: PublicIds
    clock: Clock
    extras: dict[str, Any] = field(default_factory=dict)
