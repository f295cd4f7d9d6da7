"""What every bench prints: a figure, its bar, and whether it holds."""
import logging
from collections.abc import Iterable

from app import server

Line = tuple[str, str, str, bool]      # what, measured, bar, held


def printed(lines: Iterable[Line]) -> int:
    """Prints each as it comes; 1 where one falls short."""
    logging.getLogger("tessera").setLevel(logging.ERROR)
    server.collect_rarely()            # as the program does, for the bound too
    missed = False
    for what, measured, bar, held in lines:
        print(f"{'ok  ' if held else 'MISS'} {what:<60} {measured:<48} {bar}", flush=True)
        missed |= not held
    return int(missed)
