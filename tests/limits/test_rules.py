from app.limits.rules import Limit, lock_number, seconds_until_free, subjects_of


def test_the_wait_is_rounded_up_and_never_zero():
    assert seconds_until_free(oldest_at=1_000, window_ms=60_000, now_ms=1_500) == 60
    assert seconds_until_free(oldest_at=1_000, window_ms=60_000, now_ms=61_000) == 1


def test_several_windows_of_one_subject_are_one_subject():
    limits = [Limit("sms.phone", "b", 60, 1), Limit("sms.phone", "b", 3600, 3), Limit("sms.block", "a", 60, 1)]
    assert subjects_of(limits) == [("sms.block", "a"), ("sms.phone", "b")]


def test_lock_numbers_fit_a_signed_64_bit_integer_and_tell_scopes_apart():
    assert -2**63 <= lock_number("sms.phone", "b") < 2**63
    assert lock_number("sms.phone", "b") != lock_number("sms.phoneb", "")
