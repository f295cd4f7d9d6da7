"""What a line of a phone's report means, in a sentence for the person who runs the server.

The lines are those that iOS is known to write (Apple's documentation of the log endpoint and the developers' collections of them);
Apple promises neither their words nor that there will be one, so what is not recognised is shown as it came.
"""
import re
from typing import NamedTuple

from app.text import N_


class Meaning(NamedTuple):
    """kind: a stable word; sentence: English msgid; needs_person: False for what is harmless or rights itself."""

    kind: str
    sentence: str
    needs_person: bool


UNKNOWN = Meaning("unknown", N_("The phone reported something that is not known here; its own words stand below."), True)
_KNOWN: list[tuple[Meaning, str]] = [
    (Meaning("tag_unchanged", N_(
        "The list of changed passes came with the same update tag as before, so the phone may ask for them again and again."), True),
     r"lastUpdated tag .*remained the same"),
    (Meaning("tag_missing", N_("The list of changed passes came without an update tag the phone can read; it fetched nothing."), True),
     r"(omitted|did not (include|provide|contain)|missing|must be a string).*lastUpdated|lastUpdated.*(omitted|missing|must be a string)"),
    (Meaning("date_ignored", N_(
        "The phone said which version it has and got the same one in full. A proxy in front of the server may drop the header"
        " If-Modified-Since."), True), r"ignored the 'if-modified-since' header"),
    (Meaning("date_missing", N_(
        "The pass came without the date of its version (Last-Modified). A proxy in front of the server may drop this header."), True),
     r"did not provide a (valid )?'last-modified' header"),
    (Meaning("unchanged", N_("The phone was told of a change and found the pass as it was. This happens when two changes meet; no harm."),
             False), r"pass was unchanged"),
    (Meaning("unauthorised", N_(
        "The server refused this copy of the pass: its token is not the card's. The shopper adds the card anew from its page."), True),
     r"authentication failure|unauthori[sz]ed|\b401\b"),
    (Meaning("tls", N_(
        "The phone could not trust the server's https certificate: it has ended, its chain is incomplete or it is for another"
        " name."), True),
     r"\b(SSL|TLS)\b|secure connection|certificate for this server|server certificate|NSURLErrorDomain[^0-9]*-12\d\d"),
    (Meaning("identity", N_(
        "The pass does not fit the certificate that signed it: pass type or team differ, or the WWDR certificate is of another"
        " generation."), True),
     r"may not match your certificate|trust chain could not be verified|certificate'?s? (UID|OU) is|comes from another issuer"),
    (Meaning("signature", N_("The pass was not signed as Apple demands: the signature or its signing date is missing or damaged."), True),
     r"signing (date|time)|signature|PKCS ?#?7|\bCMS\b|-26275"),
    (Meaning("manifest", N_("A file of the pass is not in its manifest or was changed on the way; the phone kept the old pass."), True),
     r"manifest"),
    (Meaning("replaced", N_("The new version names another pass than the phone holds, so the phone kept the old one."), True),
     r"(serial number|pass ?type ?identifier|authentication ?token)[^.]*(does not match|doesn't match|mismatch|is not the expected)"),
    (Meaning("fields", N_("Two fields of the pass have the same key; phones will refuse such a pass one day."), True),
     r"(duplicate|same|identical|multiple).{0,40}\bkeys?\b|Two fields have the key"),
    (Meaning("content", N_("The phone could not read the new pass: something in it is missing or is not what Apple expects there."), True),
     r"invalid data|pass dictionary|must contain key|unable to parse|not JSON|could not be read|cannot be read|missing required"),
    (Meaning("failing", N_("The server could not answer just then. The phone asks again by itself."), False),
     r"response code 5\d\d|answered (5\d\d|429)|\b50[0234]\b|internal server error|bad gateway|service unavailable"),
    (Meaning("malformed", N_(
        "The phone could not read the server's answer. A proxy in front of the server may answer in its place."), True),
     r"malformed|unexpected (response|content)|content-type|redirect"),
    (Meaning("unreachable", N_("The phone could not reach the server just then. It asks again by itself."), False),
     r"timed out|could not connect|connection was lost|offline|hostname could not be found|cannot find host|No answer|NSURLErrorDomain"),
]
# What is left when the error itself says nothing that we know.
_TASKS = [
    (Meaning("pass_refused", N_("The phone did not take the new version of the pass; its own words stand below."), True), "Get pass task"),
    (Meaning("register_failed", N_("The phone could not register the pass, so it hears of no change."), True), "Register task"),
    (Meaning("list_failed", N_("The phone could not read which passes changed."), True), "Get serial numbers task"),
]
_PATTERNS = [(meaning, re.compile(pattern, re.IGNORECASE)) for meaning, pattern in _KNOWN]
_ERROR = re.compile(r"encountered error:(.*)", re.DOTALL)
_ADDRESS = re.compile(r"https?://[^\s)]*")
MOST_READ = 600      # of what is left of a line; the patterns look back and forth


def meaning_of(line: str) -> Meaning:
    """What the line means; UNKNOWN where nobody has told us. Judged by the part that speaks of the error, if there is one."""
    found = _ERROR.search(line)
    # An address may hold any word.
    said = _ADDRESS.sub(" ", found[1] if found else line)[:MOST_READ]
    for meaning, pattern in _PATTERNS:
        if pattern.search(said):
            return meaning
    return next((meaning for meaning, task in _TASKS if task in line), UNKNOWN)
