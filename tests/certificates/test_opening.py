"""Files are opened in a child, whatever their makers put into them."""
import asyncio
import subprocess
import time
from datetime import UTC, datetime

import pytest

from app.certificates import opening
from app.certificates.opening import Upload, opened, read_files
from app.certificates.signer import Wrong
from tests.certificates.authority import Authority, key, key_pem, packed, pem

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def apple():
    return Authority(NOW)


def test_the_child_reads_what_the_server_would(apple):
    leaf = apple.issue(key(1).public_key())
    for upload in (Upload(pem(leaf), key_pem(1), pem(apple.certificate)),
                   Upload(packed(leaf, key(1), [apple.certificate], "слово"), password="слово")):
        assert opened(upload) == read_files(upload)


def test_the_child_says_what_is_wrong_and_nothing_of_a_password(apple):
    with pytest.raises(Wrong) as told:
        opened(Upload(packed(apple.issue(key(1).public_key()), key(1), [], "right one"), password="left one"))
    assert (told.value.field, "left" in str(told.value)) == ("password", False)


async def test_a_file_whose_password_is_hashed_for_hours_is_given_up_and_the_server_goes_on(apple, tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "CHILD", opening.CHILD.replace("import main;", "import main; import app.certificates.opening as o; "
                                                                "o.CPU_SECONDS = 1;"))
    (tmp_path / "card.key").write_bytes(key_pem(1))
    made = subprocess.run(["openssl", "pkcs8", "-topk8", "-in", "card.key", "-outform", "DER", "-passout", "pass:x", "-iter", "65536"],
                          cwd=tmp_path, check=True, capture_output=True).stdout
    slow = made.replace(b"\x02\x03\x01\x00\x00", b"\x02\x03\x7f\xff\xff")     # eight million times
    assert slow != made
    upload = Upload(pem(apple.issue(key(1).public_key())), slow, pem(apple.certificate), "x")
    waiting = asyncio.create_task(asyncio.to_thread(opened, upload))
    longest, last = 0.0, time.monotonic()
    while not waiting.done():
        await asyncio.sleep(0)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    with pytest.raises(Wrong, match="cannot be read in a few seconds"):
        await waiting
    assert longest < 2


@pytest.mark.parametrize("answer", ["raise SystemExit(1)", "print('nonsense')", "print('{\"type\": \"Opened\"}')"])
def test_a_child_that_dies_or_babbles_is_a_refusal(monkeypatch, answer):
    monkeypatch.setattr(opening, "CHILD", answer)
    with pytest.raises(Wrong, match="cannot be read"):
        opened(Upload(b"x"))


def test_a_key_that_takes_long_to_sign_with_is_refused(apple, monkeypatch):
    with pytest.raises(Wrong, match="2048 bits"):
        opening.checked_key(key(4, 4104))
