"""Pictures are read in a child process with limits; what comes back is made of pixels alone, in every size that wallets ask for."""
import json
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from app.errors import Invalid
from app.images import decoder, decoding, rules
from tests.images import made

GROUND = "#0f4546"
SIZES = {"logo": {"google-logo.png": (660, 660), "google-wide-logo.png": (1280, 400)},
         "icon": {"icon.png": (29, 29), "icon@2x.png": (58, 58), "icon@3x.png": (87, 87), "google-logo.png": (660, 660)},
         "strip": {"strip.png": (375, 144), "strip@2x.png": (750, 288), "strip@3x.png": (1125, 432), "google-hero.png": (1032, 336),
                   "strip.webp": (750, 288)}}


def opened(data: bytes) -> Image.Image:
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


async def files(kind: str, picture: Image.Image | bytes, ground: str = GROUND) -> dict[str, Image.Image]:
    data = picture if isinstance(picture, bytes) else made.saved(picture)
    rules.sniff(kind, data)
    return {name: opened(content) for name, content in (await decoding.decode(kind, data, ground)).files.items()}


@pytest.mark.parametrize("kind", rules.KINDS)
async def test_every_size_that_wallets_ask_for_is_made(kind):
    found = await files(kind, made.calm())
    assert tuple(found) == rules.NAMES[kind]
    assert {name: picture.size for name, picture in found.items() if name in SIZES[kind]} == SIZES[kind]
    assert all(picture.format == ("WEBP" if name.endswith(".webp") else "PNG") for name, picture in found.items())


async def test_a_logo_loses_its_empty_borders_and_keeps_its_proportion():
    found = await files("logo", made.logo())
    # The disc and the bar: 541 of 900 by 181 of 300 pixels.
    assert [found[name].size for name in rules.NAMES["logo"][:3]] == [(149, 50), (299, 100), (448, 150)]
    assert found["logo@3x.png"].convert("RGBA").getpixel((2, 2))[3] == 0
    tall = await files("logo", made.logo(400, 900))
    assert tall["logo@3x.png"].height == 150 and tall["logo@3x.png"].width < 90


async def test_a_printed_logo_is_cut_out_of_its_paper_with_a_little_of_it_left():
    paper = Image.new("RGB", (1000, 1000), "#fffdf8")
    paper.paste(made.logo(600, 200), (200, 400), made.logo(600, 200))
    found = await files("logo", made.saved(paper, "JPEG", quality=90))
    assert found["logo@3x.png"].width > 350
    corner = found["logo@3x.png"].convert("RGB").getpixel((1, 1))
    assert all(abs(one - other) < 8 for one, other in zip(corner, (255, 253, 248), strict=True))


async def test_a_small_logo_is_shown_small_and_not_as_a_stain():
    assert (await files("logo", Image.new("RGB", (60, 30), "red")))["logo@3x.png"].size == (120, 60)


async def test_googles_logo_keeps_a_margin_for_its_circle_on_a_ground_that_shows_it():
    dark, light = await files("logo", made.logo(colour="#401020")), await files("logo", made.logo(colour="#fff8e8"))
    assert dark["google-logo.png"].convert("RGB").getpixel((330, 10)) == (255, 255, 255)
    assert light["google-logo.png"].convert("RGB").getpixel((330, 10)) == (0x0F, 0x45, 0x46)
    bare = dark["google-logo.png"].convert("L").point(lambda value: 255 * (value < 200)).getbbox()
    assert bare[0] >= 99 and bare[2] <= 561


async def test_an_icon_is_square_and_has_no_holes():
    found = await files("icon", made.logo(900, 300))
    assert found["icon@3x.png"].convert("RGBA").getchannel("A").getextrema() == (255, 255)


async def test_a_strip_is_filled_from_the_middle_and_keeps_its_transparency():
    flag = Image.new("RGB", (1000, 1000), "blue")
    flag.paste(Image.new("RGB", (1000, 384), "red"), (0, 308))      # 375 × 144 of a width of 1,000
    found = await files("strip", flag)
    assert {found["strip@3x.png"].convert("RGB").getpixel(at) for at in ((5, 20), (1120, 410), (500, 200))} == {(255, 0, 0)}
    glass = await files("strip", Image.new("RGBA", (1200, 500), (255, 0, 0, 100)))
    assert glass["strip@2x.png"].convert("RGBA").getpixel((9, 9))[3] == 100
    assert glass["google-hero.png"].mode != "RGBA"


async def test_a_photograph_stays_light_enough_for_a_pass():
    sent = {"logo": made.saved(made.logo()), "icon": made.saved(made.calm()), "strip": made.saved(made.photograph(), "JPEG")}
    made_of = {kind: (await decoding.decode(kind, data, GROUND)).files for kind, data in sent.items()}
    apple = [len(made_of[kind][f"{kind}{suffix}.png"]) for kind in rules.KINDS for suffix in rules.SUFFIXES]
    assert sum(apple) < 140_000      # beside pass.json, its words and the signature
    assert len(made_of["logo"]["logo.webp"]) + len(made_of["strip"]["strip.webp"]) < 40_000


async def test_a_picture_is_turned_as_its_camera_says_and_says_nothing_else():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "SECRET CAMERA"      # turn by 90 degrees; the maker
    lying = Image.new("RGB", (432, 1125), "blue")
    lying.paste("red", (0, 0, 432, 560))
    data = made.saved(lying, "JPEG", exif=exif, icc_profile=b"SECRET PROFILE" * 1000, comment=b"SECRET COMMENT")
    found = await decoding.decode("strip", data, GROUND)
    upright = opened(found.files["strip@3x.png"]).convert("RGB")
    assert upright.getpixel((1100, 200))[0] > 200 > 50 > upright.getpixel((20, 200))[0]
    assert not any(b"SECRET" in content for content in found.files.values())
    assert all(not picture.info.get("exif") and not picture.info.get("icc_profile") for picture in map(opened, found.files.values()))


async def test_the_same_pixels_are_one_picture_however_they_were_packed():
    picture = made.logo()
    digests = {(await decoding.decode("logo", made.saved(picture, "PNG", compress_level=level, **more), GROUND)).digest
               for level, more in ((0, {}), (9, {"dpi": (300, 300)}))}
    assert len(digests) == 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "CMYK", "RGB", "RGBA"])
async def test_every_way_of_keeping_colours_is_read(mode):
    picture = Image.linear_gradient("L").resize((600, 240))
    picture = picture.convert("I").point(lambda value: value * 257).convert("I;16") if mode == "I;16" else picture.convert(mode)
    found = await files("strip", made.saved(picture, "JPEG" if mode == "CMYK" else "PNG"))
    top, bottom = [found["strip@2x.png"].convert("L").getpixel((200, at)) for at in (3, 284)]
    assert top < 60 and bottom > 190


# What a decoder meets after the first look: the header is honest, what follows is not.
BROKEN = {
    "a PNG cut short": made.saved(made.photograph(), "PNG")[:40_000],
    "a JPEG cut short": made.saved(made.photograph(), "JPEG")[:20_000],
    "a WebP cut short": made.saved(made.photograph(), "WEBP")[:10_000],
    "a PNG without data": made.png_of(600, 300).replace(b"IDAT", b"IDAX"),
    "a profile of 32 MB": made.png_of(600, 300, made.profile(32 << 20)),
    "a text of 32 MB": made.png_of(600, 300, made.chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(32 << 20), 9)))}


@pytest.mark.goal("B6")
@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_or_lying_picture_is_refused_by_the_child(name):
    rules.sniff("strip", BROKEN[name])
    with pytest.raises(Invalid) as refused:
        await decoding.decode("strip", BROKEN[name], GROUND)
    assert [wrong.detail for wrong in refused.value.fields] == [rules.BROKEN]


@pytest.mark.goal("B6")
async def test_what_is_attached_to_a_picture_does_not_come_through():
    plain = made.saved(made.calm())
    found = await decoding.decode("strip", plain + b"<html><script>alert(1)</script>" + b"PK\3\4", GROUND)
    assert found.files == (await decoding.decode("strip", plain, GROUND)).files
    large = await decoding.decode("strip", made.png_of(600, 300, made.profile(1 << 20)), GROUND)
    assert not any(b"iCCP" in content or b"<html" in content for content in (*found.files.values(), *large.files.values()))


@pytest.mark.goal("B6")
async def test_the_largest_picture_that_is_let_in_is_read_within_the_limits():
    found = await files("strip", made.png_of(4096, 4096, depth=8, colour=6, bits=32))
    assert found["strip@3x.png"].size == (1125, 432)


HOG = """
import sys
sys.path.insert(0, {folder!r})
import decoder
decoder.CPU_SECONDS = 1
decoder.limit()
{act}
"""
ACTS = {"memory": "x = bytearray(600 << 20)\nprint('{}')", "time": "while True: pass",
        "output": "sys.stdout.buffer.write(b' ' * (9 << 20))", "words": "print('this is no answer')",
        "files": "print('{\"digest\": \"' + 'a' * 64 + '\", \"sizes\": {\"../etc/passwd\": 0}}')", "crash": "import os; os.abort()"}


def playing(monkeypatch, folder: Path, act: str) -> None:
    """Puts a program of ours in the decoder's place, under the decoder's limits."""
    program = folder / "hog.py"
    program.write_text(HOG.format(folder=str(decoding.DECODER.parent), act=act))
    monkeypatch.setattr(decoding, "DECODER", program)


@pytest.mark.goal("B6")
@pytest.mark.parametrize("act", ACTS)
async def test_a_decoder_that_a_picture_took_over_is_stopped_at_its_limits(monkeypatch, tmp_path, act):
    playing(monkeypatch, tmp_path, ACTS[act])
    with pytest.raises(Invalid):
        await decoding.decode("icon", b"", GROUND)


@pytest.mark.goal("B6")
async def test_a_decoder_that_waits_for_ever_is_stopped_by_the_clock(monkeypatch, tmp_path):
    playing(monkeypatch, tmp_path, "import signal; signal.pause()")
    monkeypatch.setattr(decoding, "SECONDS", 0.5)
    with pytest.raises(Invalid):
        await decoding.decode("icon", b"", GROUND)


@pytest.mark.goal("B6")
async def test_the_child_knows_no_secret_and_has_no_door_of_the_server(monkeypatch, tmp_path):
    monkeypatch.setenv("TESSERA_KEYS", "1:secret")
    names = list(rules.NAMES["icon"])
    playing(monkeypatch, tmp_path, f"""
import json, os, resource
known = json.dumps([dict(os.environ), sorted(os.listdir("/proc/self/fd"))[:-1], "app" in sys.modules,
                    [resource.getrlimit(what) for what in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)]])
print(json.dumps({{"digest": "0" * 64, "sizes": {{name: len(known) if at == 0 else 0 for at, name in enumerate({names!r})}}}}))
print(known, end="")
""")
    found = json.loads((await decoding.decode("icon", b"", GROUND)).files[names[0]])
    assert set(found[0]) <= {"LC_CTYPE"} and found[1] == ["0", "1", "2"] and found[2] is False
    assert found[3] == [[512 << 20] * 2, [8 << 20] * 2, [0, 0]]


async def test_a_crowd_of_pictures_is_asked_to_wait(monkeypatch):
    monkeypatch.setattr(decoding, "_waiting", decoding.MOST_WAITING)
    with pytest.raises(decoding.Busy):
        await decoding.decode("icon", made.saved(made.logo()), GROUND)


MEASURE = """
import asyncio, pathlib, sys
from app.errors import Invalid
from app.images import decoder, decoding, rules
from tests.images import made

def kilobytes(name):
    [line] = [line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1])

async def main():
    big = made.png_of(4096, 4096, depth=8, colour=6, bits=32)
    bad = [made.png_of(13_000, 13_000), made.jpeg_that_claims(65_535, 65_535), made.gif_of(10_000), made.moving("PNG"),
           made.png_of(600, 300, made.profile(32 << 20))]
    await decoding.decode("icon", made.saved(made.logo()), "#000000")
    pathlib.Path("/proc/self/clear_refs").write_text("5")      # the peak begins anew
    before = kilobytes("VmRSS")
    for data in (*bad, big):
        try:
            rules.sniff("strip", data)
            await decoding.decode("strip", data, "#000000")
        except Invalid:
            pass
    print(kilobytes("VmHWM") - before)

asyncio.run(main())
"""


@pytest.mark.goal("B6")
def test_the_servers_own_memory_hardly_grows_whatever_is_sent():
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert int(done.stdout) < 20 * 1024


def test_a_slow_server_makes_plain_pictures_and_not_none(monkeypatch):
    monkeypatch.setattr(decoder, "HURRY", 0.0)
    found = decoder.strips(decoder.read(made.saved(made.photograph(1125, 432))), (0, 0, 0))
    colours = [len(opened(found[f"strip{suffix}.png"]).convert("RGB").getcolors(1 << 20)) for suffix in rules.SUFFIXES]
    assert colours == [decoder.STEPS[-1][0]] * 3
