"""`make bench`: every measured bar of the design, one after another; exit 1 when one falls short."""
import importlib
import sys

PARTS = {"passes": "V1, building and signing a pass", "passes_http": "V2, passes over HTTP", "push": "V5, pushes",
         "broadcast": "V6, a change on 50,000 phones", "joining": "L4, joining", "sales": "V3, a sale over HTTP",
         "scan": "a code before the till's camera",
         "till": "L1 and L7, a shop's tills at full pace and too much for them",
         "slow": "B10, two thousand slow clients beside the tills",
         "offline": "an hour of a till without a network, taken in",
         "lookup": "V4, a card found by its barcode at a million cards",
         "kinds": "V3 with ten rules, quote, refund", "expiry": "the expiry run beside a till", "imports": "a list beside a till",
         "scale": "a sale at a million cards", "verify": "verify of five million operations", "start": "V7, start and memory",
         "pages": "V8, the shoppers' pages"}


def main() -> int:
    missed = 0
    for name, what in PARTS.items():
        print(f"\n{what} (python -m bench.{name})", flush=True)
        missed |= importlib.import_module(f"bench.{name}").main()
    return missed


if __name__ == "__main__":
    sys.exit(main())
