"""The guard in front of the application: who may connect, what may be sent, how much runs and waits, who floods."""
from app.guard.guard import Guard
from app.guard.limits import Limits

__all__ = ["Guard", "Limits"]
