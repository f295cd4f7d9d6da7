"""What a reader may not send or open is not offered: forms of a finished page are disabled, links that lead to a refusal lead nowhere.

One place for all pages: whoever writes a form need not think of the roles that only read. The guard of each route refuses besides.
"""
import re
from collections.abc import Callable

_FORM = re.compile(r"(<form\b[^>]*>)(.*?)(</form>)", re.DOTALL)
_LINK = re.compile(r'<a\b([^>]*?)\shref="(/[^"#]*)"([^>]*)>')
_SENDER = re.compile(r'<button\b([^>]*?\bformaction="(/[^"]*)"[^>]*)>')
_ACTION, _POSTED = re.compile(r'\baction="([^"]*)"'), re.compile(r'\bmethod="post"', re.IGNORECASE)


def closed(html: str, own_path: str, may: Callable[[str, str], bool]) -> str:
    """The page with what `may(method, address)` denies disabled. own_path: where forms without an action go."""
    def form(found: re.Match[str]) -> str:
        begin, inside, end = found.groups()
        inside = _SENDER.sub(lambda one: one[0] if may("POST", one[2]) else f"<button disabled{one[1]}>", inside)
        if not _POSTED.search(begin):
            return begin + inside + end
        action = _ACTION.search(begin)
        if may("POST", (action[1] if action else "") or own_path):
            return begin + inside + end
        return f'{begin}<fieldset class="closed" disabled>{inside}</fieldset>{end}'

    def link(found: re.Match[str]) -> str:
        before, address, after = found.groups()
        return found[0] if may("GET", address) else f'<a{before} aria-disabled="true"{after}>'

    return _LINK.sub(link, _FORM.sub(form, html))
