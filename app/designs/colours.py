"""A business's colours made safe: whatever is chosen, words on the card and on our pages can be read (WCAG 2.2, 1.4.3).

The pass, the page and the poster all use the values derived here, and `corrections` says what was changed and why.
"""
import re
from collections.abc import Callable
from dataclasses import dataclass

from app.text import N_

READABLE = 4.5
WHITE, INK, BLACK = "#ffffff", "#1b1b19", "#000000"
PAGE_LIGHT, PAGE_DARK = "#f8f8f6", "#131312"       # --color-page of static/css/tokens.css
STEP = 0.06
HEX = re.compile(r"#[0-9a-f]{6}")
TINT = 0.12             # how much of the brand a tinted ground holds
TEXT_CORRECTED = N_("Your words would read %(ratio)s : 1. They need 4.5 : 1, in the sun even more. "
                    "The card shows white or black, whichever reads.")
LABEL_CORRECTED = N_("Your labels would read %(ratio)s : 1. They need 4.5 : 1, in the sun even more. "
                     "The card shows the nearest shade that does.")

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Correction:
    """A chosen colour that is not used as it is: what it was for (`text` or `label`), what was asked, what is used, and why."""

    what: str
    asked: str
    used: str
    ratio: float
    sentence: str

    @property
    def params(self) -> dict[str, str]:
        """What fills the sentence; the ratio is rounded down, so that 4.49 is never shown as 4.5."""
        return {"ratio": f"{int(self.ratio * 100) / 100:.2f}"}


@dataclass(frozen=True)
class BrandColours:
    """Every colour of a business, as "#rrggbb"; `ui` is the brand as text, stone and button on our pages, light and dark."""

    brand: str
    on_brand: str
    label: str
    accent: str
    ui_light: str
    ui_dark: str
    on_ui_light: str
    on_ui_dark: str
    stones: tuple[str, ...]
    corrections: tuple[Correction, ...]

    def css(self) -> dict[str, str]:
        """The custom properties that a page needs."""
        return {"--brand": self.brand, "--on-brand": self.on_brand, "--brand-label": self.label,
                "--brand-ui": f"light-dark({self.ui_light}, {self.ui_dark})",
                "--brand-on-ui": f"light-dark({self.on_ui_light}, {self.on_ui_dark})"}


def derive(brand: str, label: str, text: str | None = None, accent: str | None = None) -> BrandColours:
    """All colours from the chosen ones, each "#rrggbb" in lower case.

    text: the chosen colour of values, None to let the card decide; accent: the picture's own colour, None for the label's.
    """
    on = on_brand(brand)
    corrections = []
    if text is not None:
        if (ratio := contrast(text, brand)) >= READABLE:
            on = text
        else:
            corrections.append(Correction("text", text, on, ratio, TEXT_CORRECTED))
    safe_label = brand_label(label, brand)
    if safe_label != label:
        corrections.append(Correction("label", label, safe_label, contrast(label, brand), LABEL_CORRECTED))
    light, dark = brand_ui(brand)
    return BrandColours(brand=brand, on_brand=on, label=safe_label, accent=accent or safe_label, ui_light=light, ui_dark=dark,
                        on_ui_light=on_brand(light), on_ui_dark=on_brand(dark), stones=stones(brand), corrections=tuple(corrections))


def on_brand(ground: str) -> str:
    """White or ink, the first that reads on `ground`, else black: ink alone can miss (4.15 on a middle grey)."""
    return next(colour for colour in (WHITE, INK, BLACK) if contrast(colour, ground) >= READABLE)


def brand_label(label: str, brand: str) -> str:
    """`label`, or the nearest shade of it that reads on `brand`: in steps of 6 % towards white on a dark card, black on a light one."""
    towards = _lighter if on_brand(brand) == WHITE else _darker
    return _until(label, towards, lambda shade: contrast(shade, brand) >= READABLE)


def brand_ui(brand: str) -> tuple[str, str]:
    """The brand on our pages: dark enough for the light scheme, light enough for the dark one, tinted grounds included."""
    return (_until(brand, _darker, _reads_on(PAGE_LIGHT, _tinted(brand, 0.935, 0.03))),
            _until(brand, _lighter, _reads_on(PAGE_DARK, _tinted(brand, 0.24, 0.026))))


def stones(brand: str) -> tuple[str, ...]:
    """Five shades for stones that may lie under text, `--s0` to `--s4`: within 16 % of the brand."""
    return tuple(mix(brand, ground, share) for ground, share in ((BLACK, 0.12), (BLACK, 0.04), (WHITE, 0.04), (WHITE, 0.09), (WHITE, 0.16)))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def mix(colour: str, other: str, share: float) -> str:
    """`colour` with `share` (0 to 1) of `other` in it, as CSS's color-mix(in oklab) does it."""
    one, two = _oklab(_linear(colour)), _oklab(_linear(other))
    return _hex(_from_oklab((one[0] + (two[0] - one[0]) * share, one[1] + (two[1] - one[1]) * share, one[2] + (two[2] - one[2]) * share)))


def rgb(colour: str) -> str:
    """The only spelling that Apple documents: rgb(r, g, b)."""
    return f"rgb({int(colour[1:3], 16)}, {int(colour[3:5], 16)}, {int(colour[5:7], 16)})"


def _reads_on(page: str, tint: str) -> Callable[[str], bool]:
    """Whether a shade reads on the page, on the ground tinted with the brand, and on the page tinted with the shade itself."""
    return lambda shade: all(contrast(shade, ground) >= READABLE for ground in (page, tint, mix(page, shade, TINT)))


def _until(colour: str, towards: Callable[[str], str], enough: Callable[[str], bool]) -> str:
    while not enough(colour):
        moved = towards(colour)
        assert moved != colour, "black or white always reads"
        colour = moved
    return colour


def _darker(colour: str) -> str:
    return "#" + "".join(f"{int(part * (1 - STEP)):02x}" for part in bytes.fromhex(colour[1:]))


def _lighter(colour: str) -> str:
    # Rounded up, so that the last steps reach white.
    return "#" + "".join(f"{part + -int((part - 255) * STEP // 1):02x}" for part in bytes.fromhex(colour[1:]))


def _tinted(brand: str, lightness: float, most_chroma: float) -> str:
    """The ground of `.tinted`: the brand's hue at one lightness and little chroma (oklch)."""
    _, a, b = _oklab(_linear(brand))
    chroma = (a * a + b * b) ** 0.5
    scale = min(1.0, most_chroma / chroma) if chroma else 0.0
    return _hex(_from_oklab((lightness, a * scale, b * scale)))


def _linear(colour: str) -> Rgb:
    red, green, blue = (part / 255 for part in bytes.fromhex(colour[1:]))
    return _straight(red), _straight(green), _straight(blue)


def _straight(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _hex(linear: Rgb) -> str:
    parts = []
    for part in linear:
        part = min(1.0, max(0.0, part))
        parts.append(round(255 * (12.92 * part if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055)))
    return "#{:02x}{:02x}{:02x}".format(*parts)


def _oklab(linear: Rgb) -> Rgb:
    """Linear sRGB to Oklab (Björn Ottosson, 2020; CSS Color 4)."""
    red, green, blue = linear
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
            1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
            0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short)


def _from_oklab(lab: Rgb) -> Rgb:
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short)
