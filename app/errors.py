"""Kinds of failure. A room raises one of these; `web/problems.py` alone turns a kind into a status.

`detail` is an English sentence for a person (a msgid: it is translated at the edge with `params`); `code` is stable and
snake_case (api.md). `fields` names the wrong fields of a body: (field, code, detail).
"""
from collections.abc import Sequence
from typing import Any, NamedTuple

from app.text import N_


class FieldError(NamedTuple):
    """One wrong field: its path in the body, a stable code, a sentence (English msgid)."""

    field: str
    code: str
    detail: str


class TesseraError(Exception):
    """Base of every failure that a person is told about."""

    code = "error"
    detail = N_("Something went wrong.")

    def __init__(self, detail: str = "", *, code: str = "", fields: Sequence[FieldError] = (),
                 retry_after: int | None = None, params: dict[str, Any] | None = None,
                 extra: dict[str, Any] | None = None) -> None:
        self.detail = detail or type(self).detail
        self.code = code or type(self).code
        self.fields = tuple(fields)
        self.retry_after = retry_after
        self.params = params or {}
        self.extra = extra or {}
        super().__init__(self.detail)


class Malformed(TesseraError):
    """The request cannot be read at all (400)."""

    code, detail = "malformed", N_("The request could not be read.")


class Invalid(TesseraError):
    """Read, but a field is wrong (422)."""

    code, detail = "invalid", N_("Some of the fields need another look.")


class Unauthenticated(TesseraError):
    """Nobody we know is asking (401)."""

    code, detail = "unauthenticated", N_("Sign in first, or send a valid API key.")


class Forbidden(TesseraError):
    """Known, but not allowed; only ever about the asker's own business (403)."""

    code, detail = "forbidden", N_("Your role does not allow this. Ask a manager.")


class NotFound(TesseraError):
    """Missing, malformed or another business's: always the same answer (404)."""

    code, detail = "not_found", N_("There is no such thing here.")


class Refused(TesseraError):
    """The rules or the state refuse (409)."""

    code, detail = "refused", N_("This cannot be done now.")


class Expired(TesseraError):
    """Was there once, or never: links that no longer work (410)."""

    code, detail = "gone", N_("This link does not work any more.")


class TooLarge(TesseraError):
    """The body is over its cap (413)."""

    code, detail = "too_large", N_("This is more than the server takes at once.")


class UnsupportedMedia(TesseraError):
    """The body is not of the kind that the address takes (415)."""

    code, detail = "unsupported_media_type", N_("Send the body as JSON with Content-Type: application/json.")


class TooMany(TesseraError):
    """Over a limit; `retry_after` in seconds (429)."""

    code, detail = "too_many", N_("That was too often. Wait a little and try again.")


class Unavailable(TesseraError):
    """Cannot be done just now, nothing was done, safe to repeat (503)."""

    code, detail = "unavailable", N_("The server cannot do this just now. Nothing was changed; try again in a moment.")


class SettingsError(Exception):
    """A setting is missing or wrong; the text says which and what to do. Stops the start."""
