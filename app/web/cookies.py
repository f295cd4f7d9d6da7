"""Cookies of sessions: `__Host-` and Secure on https, HttpOnly and SameSite=Lax always."""
from starlette.requests import Request
from starlette.responses import Response

from app.settings import Settings


def cookie_name(settings: Settings, kind: str) -> str:
    """kind: console, till, or card-<id> for the browser of a shopper."""
    return ("__Host-" if settings.is_https else "") + "tessera-" + kind


def set_cookie(response: Response, settings: Settings, kind: str, value: str, max_age: int) -> None:
    """max_age in seconds."""
    response.set_cookie(cookie_name(settings, kind), value, max_age=max_age, path="/", secure=settings.is_https,
                        httponly=True, samesite="lax")


def drop_cookie(response: Response, settings: Settings, kind: str) -> None:
    response.delete_cookie(cookie_name(settings, kind), path="/", secure=settings.is_https, httponly=True, samesite="lax")


def cookie(request: Request, settings: Settings, kind: str) -> str:
    """The cookie's value, or an empty string."""
    return request.cookies.get(cookie_name(settings, kind), "")
