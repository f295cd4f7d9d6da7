"""One line of `doctor`."""
from typing import NamedTuple


class Line(NamedTuple):
    """level: ok | warn | fail; what: the state of things; advice: what to do, empty where nothing."""

    level: str
    what: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.level:<5} {self.what}" + (f"\n      {self.advice}" if self.advice else "")
