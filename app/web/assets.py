"""Style sheets, scripts and images as browsers get them.

A page is sent one style sheet: the components it shows, joined in the order of BUNDLES. Every address carries a digest of all
files, so a browser may keep what it has for ever, and a new release is fetched at once; scripts share the digest and so may
import one another by plain relative names.
"""
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from app.errors import NotFound
from app.web.routing import public, route

ROOT = Path(__file__).parents[2] / "static"
READER = "reader"               # the folder of the extra that `make offline-reader` brings
READER_TYPES = {".js": "text/javascript", ".wasm": "application/wasm"}

_FRAME = ("tokens", "base", "button")
_SHOPPER = (*_FRAME, "tinted", "shopper", "top")
_TILL = (*_FRAME, "field", "band", "banner", "chip", "figure", "list", "empty", "stripe", "offbar", "till")
_CONSOLE = (*_FRAME, "field", "banner", "chip", "state", "list", "table", "tabs", "details", "empty", "choice", "passkey", "console")
BUNDLES: dict[str, tuple[str, ...]] = {
    "plain": (*_FRAME, "plain"),
    "enrol": (*_SHOPPER, "field", "banner", "details", "pass", "enrol"),
    "activate": (*_SHOPPER, "field", "choice", "questions", "banner", "tesserae", "details", "activate"),
    "card": (*_FRAME, "shopper", "field", "later", "banner", "figure", "list", "state", "pass", "card"),
    "receipt": (*_SHOPPER, "list", "activate"),
    "profile": (*_SHOPPER, "field", "choice", "segments", "questions", "banner", "list", "details", "activate", "profile"),
    "coupon": (*_SHOPPER, "field", "banner", "activate", "coupon"),
    "sign-in": (*_FRAME, "field", "banner", "details", "passkey", "sign-in"),
    "tablet": (*_TILL, "keypad", "sign-in", "tablet"),
    "scan": (*_TILL, "scan"),
    "offline": (*_TILL, "keypad", "sale", "offline"),
    "sale": (*_TILL, "choice", "questions", "tinted", "tesserae", "keypad", "sale"),
    "console": _CONSOLE,
    "devices": (*_CONSOLE, "pairing"),
    "today": (*_CONSOLE, "stat", "chart", "today"),
    "customers": (*_CONSOLE, "figure", "customers"),
    "messages": (*_CONSOLE, "segments", "messages"),
    "imports": (*_CONSOLE, "segments", "imports"),
    "programs": (*_CONSOLE, "program", "programs"),
    "program": (*_CONSOLE, "segments", "stat", "program"),
    "design": (*_CONSOLE, "segments", "pass", "design"),
    "brand": (*_CONSOLE, "segments", "pass", "brand"),
    "questions": (*_CONSOLE, "questions", "asking"),
    "privacy": (*_CONSOLE, "document", "privacy"),
    "document": (*_SHOPPER, "banner", "document"),
    "poster": (*_CONSOLE, "segments", "poster"),
    "sheet": (*_FRAME, "sheet"),
    "demo": (*_FRAME, "field", "banner", "list", "empty", "pass", "demo"),
    "android": (*_FRAME, "demo", "android"),
    "docs": (*_FRAME, "field", "table", "chip", "details", "docs"),
}


_NEIGHBOUR = re.compile(r'(?:from|import) "\./([\w-]+\.js)"')
_ASKED = re.compile(r"var\((--[\w-]+)")
_NAMED = re.compile(r"(?<=[{;])(--[\w-]+):[^;{}]*(?:;|(?=}))")


@dataclass(frozen=True)
class Asset:
    """A file as it is sent."""

    body: bytes
    media_type: str


def compact(css: str) -> str:
    """The same style sheet without comments and idle white space."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"\s+", " ", css)
    css = re.sub(r" ?([{};,]) ?", r"\1", css)
    # A space before a colon can be a descendant selector, one after it never matters.
    return re.sub(r": ", ":", css).replace(";}", "}").strip()


def used(css: str) -> str:
    """The same without values that are named and never asked for: a bundle shows some of the components and needs some of the tokens.

    A business's own colours (`--brand…`) stay: drawings inside a page ask for them.
    """
    asked = set(_ASKED.findall(css))
    left = _NAMED.sub(lambda named: named[0] if named[1] in asked or "brand" in named[1] else "", css)
    # What only a value asked for that is gone now is not asked for any more.
    return css if left == css else used(left)


@lru_cache
def every() -> dict[str, Asset]:
    """All assets by name: css/<kind>.css (bundles), js/…, images/…; read once."""
    found = {}
    for kind, parts in BUNDLES.items():
        joined = "".join((ROOT / "css" / f"{part}.css").read_text("utf-8") for part in parts)
        found[f"css/{kind}.css"] = Asset(used(compact(joined)).encode(), "text/css")
    for folder in ("js", "images"):
        for file in sorted((ROOT / folder).iterdir()):
            media_type = "text/javascript" if file.suffix == ".js" else mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            found[f"{folder}/{file.name}"] = Asset(file.read_bytes(), media_type)
    for file in sorted((ROOT / READER).rglob("*")):
        if file.suffix in READER_TYPES:
            found[file.relative_to(ROOT).as_posix()] = Asset(file.read_bytes(), READER_TYPES[file.suffix])
    return found


@lru_cache
def modules(name: str) -> tuple[str, ...]:
    """The addresses of a script such as `live.js` and of everything that it imports, directly or not; its own comes first."""
    found = [name]
    for each in found:
        imported = _NEIGHBOUR.findall(every()[f"js/{each}"].body.decode())
        found += [other for other in dict.fromkeys(imported) if other not in found]
    return tuple(url(f"js/{each}") for each in found)


def reader_parts() -> list[str]:
    """The addresses of all that `make offline-reader` brought: the module and what it fetches by itself."""
    return [url(name) for name in every() if name.startswith(READER + "/")]


def reader_url() -> str:
    """The address of the module that reads codes in the browser, or "" where `make offline-reader` did not bring it."""
    name = f"{READER}/reader/index.js"
    return url(name) if name in every() else ""


@lru_cache
def digest() -> str:
    """Twelve hexadecimal digits that change when any asset does."""
    total = hashlib.sha256()
    for name, asset in sorted(every().items()):
        total.update(name.encode() + b"\0" + asset.body + b"\0")
    return total.hexdigest()[:12]


def url(name: str) -> str:
    """The address of an asset such as `js/live.js`; a name that does not exist is our mistake."""
    assert name in every(), f"no such asset: {name}"
    return f"/static/{digest()}/{name}"


def style(kind: str) -> str:
    """The text of a bundle, for pages that carry their style sheet inside."""
    return every()[f"css/{kind}.css"].body.decode()


async def serve(request: Request) -> Response:
    """GET /static/{digest}/{name}.

    An old page after a release asks with the old digest: it gets today's file, which nobody may keep under that name.
    """
    asset = every().get(request.path_params["name"])
    if asset is None:
        raise NotFound
    kept = "public, max-age=31536000, immutable" if request.path_params["digest"] == digest() else "no-cache"
    return Response(asset.body, media_type=asset.media_type, headers={"Cache-Control": kept, "X-Content-Type-Options": "nosniff"})


routes = [route("/static/{digest}/{name:path}", serve, who=public, name="web:static")]
