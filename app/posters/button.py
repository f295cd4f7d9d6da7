"""The button for a shop's own site: a snippet of plain HTML, and the same as a picture."""
from collections.abc import Mapping
from html import escape

from app.designs.colours import BrandColours
from app.posters import svg
from app.posters.shapes import Rect, Shape, Sheet, Words
from app.web.paper import BOLD, fitting, register_fonts, width

HIGH, LEFT, GAP, ICON = 56.0, 20.0, 12.0, 24.0
LARGEST, MOST_WIDE = 17.0, 320.0
SAID: Mapping[str, str] = {"en": "Get your card", "ru": "Получить карту"}
# A card with its stripe, 24 × 24.
CARD = "M4.2 5.5h15.6a1.2 1.2 0 011.2 1.2v10.6a1.2 1.2 0 01-1.2 1.2H4.2A1.2 1.2 0 013 17.3V6.7a1.2 1.2 0 011.2-1.2zM3 9.8h18M6.5 15h4"


def snippet(address: str, colours: BrandColours, language: str) -> str:
    """A link that looks like a button wherever it is put: styles of its own, no script, nothing that another server is asked for."""
    style = (f"display:inline-flex;align-items:center;gap:.7em;min-height:52px;box-sizing:border-box;padding:.5em 1.3em;border-radius:14px;"
             f"background:{colours.brand};color:{colours.on_brand};font:600 17px/1.2 system-ui,sans-serif;text-decoration:none")
    icon = (f'<svg width="24" height="24" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linejoin="round" '
            f'aria-hidden="true"><path d="{CARD}"/></svg>')
    return f'<a href="{escape(address)}" lang="{language}" style="{style}">{icon}<span>{escape(SAID[language])}</span></a>'


def picture_snippet(address: str, picture: str, language: str, wide: int) -> str:
    """The same for sites that allow a page no styles of its own. wide: of the picture, in pixels."""
    return (f'<a href="{escape(address)}" lang="{language}"><img src="{escape(picture)}" alt="{escape(SAID[language])}" width="{wide}" '
            f'height="{HIGH:g}"></a>')


def picture(name: str, colours: BrandColours, language: str) -> Sheet:
    """The button with the business's name below the words; lengths are pixels."""
    register_fonts()
    room = MOST_WIDE - LEFT * 2 - ICON - GAP
    inner = max(_wide(SAID[language], LARGEST, room), _wide(name, 12.0, room))
    wide = round(LEFT * 2 + ICON + GAP + inner)
    text = LEFT + ICON + GAP
    shapes: tuple[Shape, ...] = (Rect(0, 0, wide, HIGH, colours.brand, 14), *_icon(LEFT, (HIGH - ICON) / 2, colours),
              Words(text, 26.5, SAID[language], BOLD, fitting(SAID[language], BOLD, LARGEST, room), colours.on_brand),
              Words(text, 42.5, name, BOLD, fitting(name, BOLD, 12.0, room), colours.label))
    return Sheet(wide, HIGH, SAID[language], name, f"{SAID[language]}: {name}", shapes, 0)


def drawn(sheet: Sheet) -> bytes:
    """The picture as a file; its lengths are pixels, not millimetres."""
    return svg.draw(sheet).replace(b'mm"', b'"')


def _wide(text: str, size: float, room: float) -> float:
    return min(width(text, BOLD, size), room)


def _icon(x: float, y: float, colours: BrandColours) -> tuple[Rect, ...]:
    """A card: its plate in the words' colour, its stripe in the ground's."""
    return (Rect(x, y + 3.5, ICON, 17, colours.on_brand, 2.5), Rect(x, y + 8, ICON, 3.4, colours.brand))
