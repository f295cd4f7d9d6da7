import pytest

from app.guard.crowds import Crowd, Crowds, neighbourhood


class Client:
    def __init__(self) -> None:
        self.crowd: Crowd | None = None
        self.ended = ""

    def shed(self) -> None:
        self.ended = "shed"

    def retire(self) -> None:
        self.ended = "retired"


def taken(crowds: Crowds, address: str | None, count: int = 1) -> list[Client]:
    made = [Client() for _ in range(count)]
    for each in made:
        assert crowds.take(each, address)
    return made


@pytest.mark.goal("F11")
def test_at_the_limit_the_longest_idle_goes_and_before_it_who_never_asked_anything() -> None:
    crowds = Crowds(most=3, an_address=10)
    old, newer, silent = taken(crowds, None, 3)
    for client, now in ((newer, 1.0), (old, 2.0), (newer, 3.0)):
        crowds.busy(client)
        crowds.quiet(client, now)
    taken(crowds, None)
    assert (old.ended, newer.ended, silent.ended) == ("", "", "shed")
    crowds.busy(taken(crowds, None)[0])         # in place of the silent one before
    taken(crowds, None)
    assert (old.ended, newer.ended) == ("shed", "")


def test_a_connection_that_is_worked_for_is_never_shed() -> None:
    crowds = Crowds(most=2, an_address=10)
    for client in taken(crowds, None, 2):
        crowds.busy(client)
    assert not crowds.take(Client(), None)
    assert crowds.were_refused == 1


def test_an_address_has_a_limit_of_its_own_and_what_is_more_costs_its_own_idle_ones() -> None:
    crowds = Crowds(most=100, an_address=2)
    first, second = taken(crowds, "192.0.2.1", 2)
    [neighbour] = taken(crowds, "192.0.2.2")
    taken(crowds, "192.0.2.1")
    assert (first.ended, second.ended, neighbour.ended) == ("shed", "", "")
    assert crowds.by_address["192.0.2.1"].count == 2
    crowds.busy(second)
    taken(crowds, None, 50)                     # this machine and the proxy have none


def test_nothing_is_kept_of_an_address_that_left() -> None:
    crowds = Crowds(most=10, an_address=5)
    clients = taken(crowds, "192.0.2.1", 5)
    crowds.busy(clients[0])
    for client in (*clients, clients[0]):
        crowds.gone(client)
    crowds.quiet(clients[0], 1.0)               # an answer that ends after its connection
    assert (crowds.by_address, crowds.open, crowds.silent, crowds.idle) == ({}, set(), {}, {})


def test_idle_connections_are_ended_when_their_time_is_up() -> None:
    crowds = Crowds(most=10, an_address=5)
    clients = taken(crowds, None, 4)
    for number, client in enumerate(clients[:3]):
        crowds.busy(client)
        crowds.quiet(client, float(number))
    crowds.busy(clients[0])
    crowds.retire(before=1.0)
    assert [client.ended for client in clients] == ["", "retired", "", ""]


@pytest.mark.parametrize(("address", "counted"), [
    ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("127.0.0.1", None),
    ("127.0.0.2", "127.0.0.2"), ("::1", None), ("no address", None), ("", None)])
def test_one_person_is_one_address(address: str, counted: str | None) -> None:
    assert neighbourhood(address) == counted
