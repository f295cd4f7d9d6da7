"""The business's own pictures in a design: read once, and told apart by their digests."""
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING

from app.designs.colours import BrandColours, contrast
from app.designs.rules import Pictures
from app.designs.store import Reader
from app.errors import FieldError, Invalid, NotFound
from app.images import service as images
from app.images.rules import KINDS, SUFFIXES
from app.text import N_

if TYPE_CHECKING:
    from PIL import Image

KEPT = 64
APPLE_FILES = frozenset(f"{kind}{suffix}.png" for kind in KINDS for suffix in SUFFIXES)
ICON_ROOM = 0.8         # of an icon's side, for a logo on it
WORDS_AT = (0.03, 0.25, 0.5, 0.75)      # where the balance stands on a strip: left, top, right, bottom, in shares of it


@dataclass(frozen=True)
class OwnPictures:
    """Files and addresses of `digests`. Compared by the digests: the same ones always name the same files.

    files: name → bytes, those of Apple's pass; addresses: name → path on this server, of all.
    """

    digests: Pictures = Pictures()  # noqa: RUF009 (frozen)
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), compare=False, repr=False)
    addresses: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False, repr=False)


NONE = OwnPictures()
_read: OrderedDict[tuple[int, Pictures], OwnPictures] = OrderedDict()


async def read(reader: Reader, business_id: int, digests: Pictures) -> OwnPictures:
    """The files of these pictures, from memory where they were read before. One that the business does not have is left out."""
    if digests == Pictures():
        return NONE
    found = _read.get((business_id, digests))
    if found is None:
        found = _read[business_id, digests] = await _load(reader, business_id, digests)
        while len(_read) > KEPT:
            _read.popitem(last=False)
    return found


async def _load(reader: Reader, business_id: int, digests: Pictures) -> OwnPictures:
    files: dict[str, bytes] = {}
    addresses: dict[str, str] = {}
    for kind in ("icon", "logo", "strip"):      # what Google calls the logo comes from the icon only where there is no logo
        if digest := getattr(digests, kind):
            try:
                made = await images.kept(reader, business_id, digest)
            except NotFound:
                continue        # a design of another server's backup: its cards are drawn, and nobody is turned away
            mine = [name for name in images.names_of(kind) if name in made.files]
            files |= {name: made.files[name] for name in mine if name in APPLE_FILES}       # the others are fetched, not built in
            addresses |= {name: made.addresses[name] for name in mine}
    return OwnPictures(digests, files, addresses)


async def check(reader: Reader, business_id: int, digests: Pictures) -> None:
    """Raises Invalid, a sentence for each picture (`pictures.logo`, …) that the business does not have."""
    wrong = [FieldError(f"pictures.{kind}", "picture", N_("This picture is not one of yours. Send it again."))
             for kind in KINDS if (digest := getattr(digests, kind)) and not await images.find(reader, business_id, kind, digest)]
    if wrong:
        raise Invalid(fields=wrong)


def contrast_of(logo: bytes, brand: str) -> float:
    """How well our own file of a logo is seen on a colour: the contrast, 1 to 21, of the tenth of its pixels that differ most."""
    from PIL import Image

    with Image.open(BytesIO(logo), formats=("PNG",)) as opened:
        seen = sorted(_contrasts(opened.convert("RGBA").resize((40, 20), Image.Resampling.BOX), brand), reverse=True)
    return seen[len(seen) // 10] if seen else 1.0


def contrast_over(strip: bytes, ink: str, ground: str) -> float:
    """How well words of colour `ink` read over our own file of a strip, where they stand: that of all but the worst tenth of the
    places. ground: what shows where the strip is transparent."""
    from PIL import Image

    with Image.open(BytesIO(strip), formats=("PNG",)) as opened:
        picture = opened.convert("RGBA")
    whole = Image.new("RGBA", picture.size, ground)
    whole.alpha_composite(picture)
    left, top, right, bottom = WORDS_AT
    part = whole.crop((round(left * whole.width), round(top * whole.height), round(right * whole.width), round(bottom * whole.height)))
    found = sorted(_contrasts(part.resize((30, 12), Image.Resampling.BOX), ink))
    return found[len(found) // 10]


def _contrasts(picture: "Image.Image", colour: str) -> list[float]:
    data = picture.tobytes()
    return [contrast(f"#{data[at:at + 3].hex()}", colour) for at in range(0, len(data), 4) if data[at + 3] > 127]


def apple_files(own: OwnPictures, colours: BrandColours) -> dict[str, bytes]:
    """The pictures of Apple's pass that the business gave; an icon is made of the logo where it gave none."""
    given = dict(own.files)
    if "logo@3x.png" in given and "icon.png" not in given:
        given |= icon_of(given["logo@3x.png"], colours.brand)
    return given


def icon_of(logo: bytes, brand: str) -> dict[str, bytes]:
    """icon.png at 1×, 2× and 3× from our own file of a logo: on the border's colour where it has one, else on the brand."""
    from PIL import Image

    from app.designs.strip import SCALES, png
    from app.images import decoder

    with Image.open(BytesIO(logo), formats=("PNG",)) as opened:
        picture = opened.convert("RGBA" if "A" in opened.getbands() or "transparency" in opened.info else "RGB")
    ground = decoder.border_of(picture) or decoder.rgb(brand)
    made = {}
    for scale in SCALES:
        side = decoder.ICON * scale
        made["icon.png" if scale == 1 else f"icon@{scale}x.png"] = png(decoder.laid(picture, side, side, (side * ICON_ROOM,) * 2, ground))
    return made
