"""What is no still picture of an ordinary size is refused by its content, with a sentence, before anything is decoded."""
import struct

import pytest
from PIL import Image

from app.errors import Invalid
from app.images import rules
from tests.images import made


def said(kind: str, data: bytes) -> str:
    with pytest.raises(Invalid) as refused:
        rules.sniff(kind, data)
    [wrong] = refused.value.fields
    assert wrong.field == kind
    return wrong.detail


@pytest.mark.parametrize(("form", "type_"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp")])
def test_png_jpeg_and_webp_are_known_by_their_first_bytes_with_their_size(form, type_):
    assert rules.sniff("logo", made.saved(Image.new("RGB", (321, 123), "red"), form)) == (type_, 321, 123)


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 50}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}, {"exact": True}])
def test_every_form_of_webp_tells_its_size(options):
    assert rules.sniff("strip", made.saved(Image.new("RGBA", (500, 200), (1, 2, 3, 4)), "WEBP", **options)) == ("webp", 500, 200)


def test_a_progressive_jpeg_with_segments_before_its_frame_tells_its_size():
    data = made.saved(made.photograph(640, 480), "JPEG", progressive=True, icc_profile=b"x" * 100_000, comment=b"hello")
    assert rules.sniff("strip", data) == ("jpeg", 640, 480)


@pytest.mark.goal("B6")
@pytest.mark.parametrize(("data", "sentence"), [
    (b"", rules.EMPTY), (b"\x89PNG\r\n\x1a\n" + bytes(3_000_000), rules.TOO_HEAVY),
    (made.gif_of(10_000), rules.GIF), (made.gif_of(1, b"<html><script>alert(1)</script>"), rules.GIF),
    (b"GIF89a=1;/*<html><script>alert(1)</script>*/", rules.GIF),
    (made.moving("PNG"), rules.MOVING), (made.moving("WEBP"), rules.MOVING),
    (made.saved(Image.new("RGB", (400, 400)), "TIFF"), rules.TIFF), (made.saved(Image.new("RGB", (400, 400)), "BMP"), rules.NOT_TAKEN),
    (b"\0\0\0\x18ftypheic" + bytes(100), rules.HEIC), (b"%PDF-1.7\n", rules.NOT_TAKEN), (b"<!doctype html><script>", rules.MARKUP),
    (b"\x89PNG\r\n\x1a\n", rules.BROKEN), (b"\xff\xd8\xff\xe0", rules.BROKEN), (b"\xff\xd8\xff" + b"\xff" * 100, rules.BROKEN),
    (b"RIFF\x10\0\0\0WEBPVP8X", rules.BROKEN), (b"RIFF" + bytes(4) + b"WEBPALPH" + bytes(50), rules.BROKEN)])
def test_what_is_no_still_picture_is_refused_with_a_sentence_of_its_own(data, sentence):
    assert said("logo", data) == sentence


@pytest.mark.goal("B6")
@pytest.mark.parametrize("data", [made.png_of(13_000, 13_000), made.jpeg_that_claims(65_535, 65_535), made.png_of(4_097, 100),
                                  made.jpeg_that_claims(100, 4_097)], ids=["bomb", "claim", "wide", "tall"])
def test_a_picture_over_4096_pixels_a_side_is_refused_by_its_header(data):
    assert len(data) < 30_000
    assert said("strip", data) == rules.TOO_LARGE


def test_the_refusal_of_a_size_names_the_size():
    with pytest.raises(Invalid) as refused:
        rules.sniff("strip", made.jpeg_that_claims(65_535, 5_000))
    assert refused.value.params == {"width": "65,535", "height": "5,000"}


@pytest.mark.parametrize(("kind", "size"), [("icon", (57, 57)), ("strip", (374, 500)), ("strip", (500, 143)),
                                            ("logo", (300, 19)), ("logo", (19, 300))])
def test_a_picture_that_would_be_a_blur_is_refused(kind, size):
    assert said(kind, made.saved(Image.new("RGB", size))) == rules.TOO_SMALL


@pytest.mark.parametrize(("width", "height"), [(0, 100), (100, 0)])
def test_a_picture_without_a_side_is_broken(width, height):
    data = bytearray(made.saved(Image.new("RGB", (100, 100))))
    data[16:24] = struct.pack(">II", width, height)
    assert said("logo", bytes(data)) == rules.BROKEN


@pytest.mark.goal("B7")
@pytest.mark.parametrize("name", made.DRAWINGS)
@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_a_drawing_of_markup_is_refused_whatever_it_holds(name, coding):
    assert said("logo", made.DRAWINGS[name].encode(coding)) == rules.VECTOR


@pytest.mark.goal("B7")
def test_markup_behind_a_lying_beginning_is_no_picture():
    assert said("logo", b"\x89PNG\r\n\x1a\n" + made.DRAWINGS["script"].encode()) == rules.BROKEN
    assert said("logo", b"\x00" + made.DRAWINGS["script"].encode()) == rules.NOT_TAKEN
