"""Pages: the Jinja2 environments (one a language), what templates may call, and the answer with its Content-Security-Policy."""
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.web import assets, charts, devices, formats, i18n
from app.web.codes import code_svg, qr_svg
from app.web.security import POLICY

TEMPLATES = Path(__file__).parents[1] / "templates"
_ICON = re.compile(r'<symbol id="i-([a-z-]+)" viewBox="([\d ]+)">(.*?)</symbol>', re.DOTALL)
_TURNING = {"left", "right", "arrow", "back", "undo"}
_CSS_NAME, _CSS_VALUE = re.compile(r"--[a-z0-9-]+"), re.compile(r"[#\w(),.%\s-]+", re.ASCII)


@lru_cache
def _icons() -> dict[str, tuple[str, str]]:
    text = assets.every()["images/icons.svg"].body.decode()
    return {name: (box, shape) for name, box, shape in _ICON.findall(text)}


def icon(name: str, kind: str = "") -> Markup:
    """An icon of images/icons.svg, drawn in place, so that a page carries only those it shows. `kind`: "small" or another modifier."""
    box, shape = _icons()[name]
    classes = "icon" + (f" icon--{kind}" if kind else "") + (" icon--turns" if name in _TURNING else "")
    return Markup(f'<svg class="{classes}" viewBox="{box}" aria-hidden="true">{shape}</svg>')  # noqa: S704 - our own file


def brand_css(tokens: Mapping[str, str], selector: str = ":root") -> Markup:
    """A rule that sets the custom properties of a business's colours; anything that is not a plain colour expression is our mistake."""
    for name, value in tokens.items():
        assert _CSS_NAME.fullmatch(name) and _CSS_VALUE.fullmatch(value), f"not a colour: {name}: {value}"
    return Markup("{}{{{}}}").format(Markup(selector), Markup(";".join(f"{name}:{value}" for name, value in tokens.items())))  # noqa: S704 - checked above


@pass_context
def _csrf(context: Context) -> Markup:
    """The hidden token of a form that a cookie or a link authenticates; the page that forgot to hand one over fails loudly."""
    token = context.get("csrf_token") or getattr(context["request"].state, "csrf_token", None)
    if token is None:
        raise RuntimeError(f"{context.name} shows a form that needs csrf_token")
    return Markup('<input type="hidden" name="csrf" value="{}">').format(token)


@pass_context
def _language_url(context: Context, language: str) -> str:
    """This page in another language."""
    request: Request = context["request"]
    others = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    # Without the path: pages behind different secret addresses stay the same page.
    return f"?{urlencode([*others, ('lang', language)])}"


def _own_address(request: Request) -> str:
    """This page's full address, without its query: what a person carries to another browser or device."""
    return str(request.scope["app"].state.context.settings.address(request.url.path))


@pass_context
def _app_around(context: Context) -> dict[str, Any] | None:
    """The app whose own browser shows this page, and the ways out of it; None in a browser that stands alone."""
    request: Request = context["request"]
    user_agent = request.headers.get("user-agent", "")
    name = devices.app_around(user_agent)
    if not name:
        return None
    address, kind = _own_address(request), devices.device(user_agent)
    return {"name": name, "address": address, "is_apple": kind != "android",
            "chrome": devices.chrome_link(address) if kind == "android" else ""}


@pass_context
def _handover(context: Context) -> str:
    """This page's full address where it is shown at a desk, for the phone's camera; empty on a phone."""
    request: Request = context["request"]
    return _own_address(request) if devices.device(request.headers.get("user-agent", "")) == "desktop" else ""


def _moment_filter(say: Any) -> Any:
    """A filter on a moment that takes the page's `zone` and `now` by itself; `ago` needs both."""
    @pass_context
    def filter_(context: Context, moment: datetime) -> str:
        return say(moment, context["language"], context.get("zone", "UTC"), context.get("now"))
    return filter_


@lru_cache
def environment(language: str) -> Environment:
    """Templates in one language, compiled as they are first asked for."""
    made = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
                       extensions=["jinja2.ext.i18n", "jinja2.ext.do"])
    words = i18n.translations(language)
    made.install_gettext_callables(words.gettext, words.ngettext, newstyle=True, pgettext=words.pgettext, npgettext=words.npgettext)  # type: ignore[attr-defined]
    made.filters.update(
        points=formats.points, signed=formats.signed, phone_masked=formats.phone_masked, in_fours=formats.in_fours,
        money=lambda minor, currency: formats.money(minor, currency, language),
        amount=lambda minor, currency: formats.number(minor, currency, language),
        date=_moment_filter(lambda at, lang, zone, now: formats.day(at, lang, zone, now)),
        last_day=_moment_filter(lambda at, lang, zone, now: formats.day(at - timedelta(milliseconds=1), lang, zone, now)),
        day_short=lambda day: formats.day_short(day, language),
        datetime=_moment_filter(lambda at, lang, zone, now: formats.full(at, lang, zone)),
        time=_moment_filter(lambda at, lang, zone, now: formats.clock_time(at, zone)),
        ago=_moment_filter(formats.ago), iso=lambda moment: moment.isoformat())
    made.globals.update(
        asset=assets.url, style=lambda kind: Markup(assets.style(kind)), icon=icon, qr_svg=qr_svg, brand_css=brand_css,  # noqa: S704
        code_svg=code_svg, line_chart=charts.line_chart,
        csrf=_csrf, app_around=_app_around, handover=_handover, language_url=_language_url, currency_symbol=formats.currency_symbol,
        languages=i18n.LANGUAGES, language=language)
    return made


def _policy(nonce: str, *, wasm: bool) -> str:
    """wasm: whether the page brings a program of its own to read codes with; browsers ask for that word then, and for no other page."""
    policy = POLICY.replace("style-src 'self'", f"style-src 'self' 'nonce-{nonce}'")
    return policy.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'") if wasm else policy


def _is_exposed(request: Request) -> bool:
    """Whether this is a demo that listens where others can reach it (TESSERA_DEMO_HOST): every page says so."""
    state = getattr(request.scope.get("app"), "state", None)
    here = getattr(state, "context", None)
    return here is not None and here.settings.demo and not here.settings.is_loopback


def render(request: Request, name: str, context: Mapping[str, Any] | None = None, *, status: int = 200,
           headers: Mapping[str, str] | None = None, default_language: str = "en", nonce: str = "") -> HTMLResponse:
    """Answer with a page in the language that the request asks for, else in `default_language`, the business's own.

    Pages with forms take their token from `context["csrf_token"]` or `request.state.csrf_token`. Times are told in
    `context["zone"]` (UTC without it) as seen at `context["now"]`. `context["wasm"]` is the
    address of the module that reads codes, on pages with a camera. nonce: only for a page that must be the same to the byte each
    time and on which nothing from outside stands.
    """
    language = i18n.language_of(request, default_language)
    nonce = nonce or secrets.token_urlsafe(12)
    body = environment(language).get_template(name).render(
        {"request": request, "nonce": nonce, "exposed": _is_exposed(request), "at_till": getattr(request.state, "principal", None),
         **(context or {})})
    policy = _policy(nonce, wasm=bool((context or {}).get("wasm")))
    answer = HTMLResponse(body, status, {"Content-Security-Policy": policy, "Vary": "Accept-Language, Cookie",
                                         "Content-Language": language, **(headers or {})})
    if request.query_params.get("lang") == language:
        answer.set_cookie(i18n.COOKIE, language, max_age=365 * 86400, path="/", samesite="lax", httponly=True,
                          secure=request.url.scheme == "https")
    return answer
