from app.sms.allowances import Allowance, Asker, allowance_of, is_loopback, limits_for, networks_of, watched


def test_an_ipv4_address_is_a_household_and_ipv6_is_counted_by_64_and_48():
    assert networks_of("203.0.113.9") == ("203.0.113.9", None)
    assert networks_of("::ffff:203.0.113.9") == ("203.0.113.9", None)
    assert networks_of("2001:db8:1:2:3:4:5:6") == ("2001:db8:1:2::/64", "2001:db8:1::/48")


def test_loopback_is_recognised_in_both_families():
    assert is_loopback("127.0.0.1") and is_loopback("::1") and not is_loopback("10.0.0.1")


def test_the_defaults_are_those_of_the_reference():
    asker = Asker(business="1", phone="p", block="b", staff="7", location="2", poster="1:", address="a", network="n")
    assert [(limit.scope, limit.window_seconds, limit.most, limit.gap_seconds) for limit in limits_for(asker, Allowance())] == [
        ("sms.phone", 86_400, 3, 60), ("sms.phone", 2_592_000, 6, None), ("sms.block", 86_400, 20, None),
        ("sms.business", 86_400, 500, None),
        ("sms.staff", 3600, 30, None), ("sms.location", 3600, 100, None), ("sms.poster", 3600, 60, None), ("sms.address", 3600, 5, None),
        ("sms.network", 3600, 50, None)]


def test_counters_that_do_not_apply_are_left_out():
    assert {limit.scope for limit in limits_for(Asker("1", "p", "b"), Allowance())} == {"sms.phone", "sms.block", "sms.business"}
    assert watched(Asker("1", "p", "b", poster="1:x")) == [("block", "b"), ("poster", "1:x")]


def test_a_business_changes_its_own_numbers_and_only_tightens_the_shared_ones():
    wishes = {"business_day": 2000, "phone_day": 2, "phone_month": 100, "phone_gap_seconds": 10, "block_day": "many"}
    changed = allowance_of({"sms": wishes})
    assert (changed.business_day, changed.phone_day, changed.phone_month) == (2000, 2, 6)
    assert (changed.phone_gap_seconds, changed.block_day) == (60, 20)
