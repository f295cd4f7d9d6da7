import pytest

from app.card_pages.rules import CODE_TRIES, Code, device, is_open, wallets_for, way

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1"
PIXEL = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36"
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"


@pytest.mark.parametrize(("agent", "kind", "order"), [(IPHONE, "apple", ["apple"]), (PIXEL, "android", ["google", "apple"]),
                                                      (LAPTOP, "desktop", ["apple", "google"]), ("", "desktop", ["apple", "google"])])
def test_the_phones_own_wallet_comes_first(agent, kind, order):
    assert device(agent) == kind
    assert wallets_for(kind, ["apple", "google"]) == order


def test_a_code_works_for_its_ten_minutes_and_five_tries():
    assert is_open(Code(1, b"", CODE_TRIES - 1, 0, 600_000), 599_999)
    assert not is_open(Code(1, b"", CODE_TRIES, 0, 600_000), 1)
    assert not is_open(Code(1, b"", 0, 0, 600_000), 600_000)


@pytest.mark.parametrize("text", ["", "https://evil.example", "//evil", "../console", "profile\r\nx"])
def test_after_the_code_only_known_ways_lead_on(text):
    assert way(text) == "profile"
    assert way("wallet") == "wallet"
