"""`phone install ADDRESS`: tries any installation without an iPhone."""
import argparse
import asyncio
import os
from pathlib import Path


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("act", choices=("install",), help="add the pass, register, fetch it from the update service, verify it")
    parser.add_argument("address", help="a card's page (…/c/…) or a .pkpass")
    parser.add_argument("--root", type=Path, help="root certificate (PEM) that the pass must chain to; a demo's is found by itself")


def run(args: argparse.Namespace) -> int:
    from app.demo import phone_cli

    data = Path(os.environ.get("TESSERA_DATA") or "data")
    root = args.root.read_bytes() if args.root else phone_cli.find_root(data, args.address)
    language = "ru" if os.environ.get("LANG", "").startswith("ru") else "en"
    return asyncio.run(phone_cli.install(args.address, root, language=language))
