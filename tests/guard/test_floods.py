from app.guard import floods
from app.guard.floods import Floods

STRANGER = [(b"host", b"x"), (b"authorization", b"Bearer guessed")]
TILL = [(b"host", b"x"), (b"authorization", b"Bearer right")]


def asked(made: Floods, times: int, now: float, headers: list[tuple[bytes, bytes]] = STRANGER, *, status: int = 200,
          address: str = "192.0.2.1") -> int:
    """How many came in."""
    came_in = 0
    for _ in range(times):
        if made.has_room(address, headers, now):
            came_in += 1
            made.answered(address, headers, headers is not TILL, status, now)
    return came_in


def test_strangers_of_one_address_run_out_and_get_more_with_time() -> None:
    made = Floods(per_second=10, burst=50)
    assert asked(made, 80, now=0.0) == 50
    assert asked(made, 80, now=1.0) == 10
    assert asked(made, 80, now=100.0) == 50
    assert asked(made, 80, now=100.0, address="192.0.2.2") == 50
    assert made.were_refused == 30 + 70 + 30 + 30


def test_guessing_ends_sooner_than_reading() -> None:
    assert asked(Floods(per_second=10, burst=50), 80, now=0.0, status=401) == 10


def test_who_was_let_in_before_goes_on_beside_a_flood_from_the_same_address() -> None:
    made = Floods(per_second=10, burst=50)
    assert asked(made, 1, 0.0, TILL) == 1
    assert asked(made, 500, now=0.0) == 50
    assert asked(made, 500, 0.0, TILL) == 500


def test_a_million_addresses_take_no_more_room_than_ten_thousand() -> None:
    made = Floods(per_second=10, burst=50)
    for number in range(floods.MOST_ADDRESSES + 50):
        made.answered(str(number), STRANGER, True, 200, 0.0)
    for number in range(floods.MOST_KNOWN + 50):
        made.answered("192.0.2.1", [(b"cookie", str(number).encode())], False, 200, 0.0)
    assert (len(made._left), len(made._known)) == (floods.MOST_ADDRESSES, floods.MOST_KNOWN)
    assert str(floods.MOST_ADDRESSES) in made._left and "0" not in made._left


def test_no_credential_is_kept_readable() -> None:
    made = Floods(per_second=10, burst=50)
    asked(made, 1, 0.0, TILL)
    assert "right" not in repr(vars(made))
