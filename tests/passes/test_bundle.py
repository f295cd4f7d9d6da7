"""The archive of a pass: what a plain ZIP reader finds in it."""
import hashlib
import io
import json
import zipfile

import pytest

from app.passes.bundle import Bundle

FILES = {"icon.png": b"\x89PNG icon", "icon@2x.png": b"\x89PNG twice", "en.lproj/pass.strings": b'"a" = "b";\n',
         "ru.lproj/pass.strings": "«а»".encode()}
CARD = '{"serialNumber":"1","name":"Анна"}'.encode()


@pytest.fixture(scope="session")
def archive(signer, noon):
    return zipfile.ZipFile(io.BytesIO(Bundle(FILES).build(CARD, signer, noon)))


def test_a_plain_reader_finds_every_file_with_its_bytes(archive):
    assert archive.testzip() is None
    found = {name: archive.read(name) for name in archive.namelist()}
    assert found.keys() - FILES.keys() == {"pass.json", "manifest.json", "signature"}
    assert {name: found[name] for name in (*FILES, "pass.json")} == {**FILES, "pass.json": CARD}


def test_the_manifest_holds_the_sha_1_of_every_file_but_itself_and_the_signature(archive):
    manifest = json.loads(archive.read("manifest.json"))
    assert manifest == {name: hashlib.sha1(content).hexdigest() for name, content in {**FILES, "pass.json": CARD}.items()}


def test_nothing_is_deflated_and_every_time_is_fixed(archive):
    assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
    assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_card_in_the_same_second_gives_the_same_archive(signer, noon):
    assert Bundle(FILES).build(CARD, signer, noon) == Bundle(dict(reversed(FILES.items()))).build(CARD, signer, noon)


def test_a_bundle_without_files_is_still_an_archive(signer, noon):
    archive = zipfile.ZipFile(io.BytesIO(Bundle({}).build(CARD, signer, noon)))
    assert json.loads(archive.read("manifest.json")) == {"pass.json": hashlib.sha1(CARD).hexdigest()}


@pytest.mark.parametrize("name", [
    "pass.json", "manifest.json", "signature", "../icon.png", "/icon.png", "a/b/c.png", "a\"b.png", "икона.png", ""])
def test_a_name_that_would_break_the_archive_or_the_manifest_is_refused(name):
    with pytest.raises(AssertionError):
        Bundle({name: b""})
