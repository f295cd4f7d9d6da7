"""What we write of HPACK by hand, read by hpack's own decoder."""
import pytest
from hpack import Decoder, NeverIndexedHeaderTuple

from app.push.header_blocks import HeaderBlocks

FIRST = ((b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"api.push.apple.com"))


def push(number: int, topic: bytes = b"pass.example.one", expires: int = 1_800_000_000):
    others = ((b"apns-topic", topic), (b"apns-push-type", b"background"), (b"apns-priority", b"5"), (b"apns-expiration", b"%d" % expires))
    return FIRST, b"/3/device/%064x" % number, others, b"6c2e0c4e-8c1c-4f7e-a0c4-%012d" % number


def expected(first, path, others, apns_id):
    return [*first, (b":path", path), *others, (b"apns-id", apns_id)]


class Peer:
    """An encoder of ours and the decoder at the other end."""

    def __init__(self) -> None:
        self.blocks, self.decoder = HeaderBlocks(), Decoder()

    def send(self, *request) -> int:
        """Decodes what was sent; gives its size in bytes."""
        block = self.blocks.encode([(b":method", b"POST"), (b"block", self.blocks.block(*request))])
        assert [tuple(header) for header in self.decoder.decode(block, raw=True)] == expected(*request)
        return len(block)


def test_every_push_is_read_as_it_was_meant_and_the_later_ones_are_short():
    peer = Peer()
    sizes = [peer.send(*push(number)) for number in range(300)]
    assert sizes[0] > 200 and set(sizes[1:]) == {1 + 1 + 1 + 1 + 1 + 74 + 4 + 1 + 8 + 1 + 36}


def test_changing_topics_and_moments_are_followed_by_the_other_end():
    peer = Peer()
    for number in range(400):
        peer.send(*push(number, topic=b"pass.example.%d" % (number % 3), expires=1_800_000_000 + number // 5))


@pytest.mark.parametrize("size", [0, 64, 150, 300, 4096])
def test_a_server_that_shrinks_the_table_is_obeyed(size):
    peer = Peer()
    for number in range(5):
        peer.send(*push(number))
    peer.decoder.max_allowed_table_size = max(size, 4096)
    peer.blocks.header_table_size = size
    for number in range(20):
        peer.send(*push(number, expires=1_800_000_000 + number // 4))


def test_tokens_and_ids_never_enter_a_table():
    peer = Peer()
    peer.send(*push(1))
    headers = peer.decoder.decode(peer.blocks.block(*push(2)), raw=True)
    assert {bytes(header[0]) for header in headers if isinstance(header, NeverIndexedHeaderTuple)} == {b":path", b"apns-id"}


@pytest.mark.parametrize("length", [1, 126, 127, 128, 300, 5000])
def test_a_token_of_any_length_is_written(length):
    first, _, others, apns_id = push(1)
    Peer().send(first, b"/3/device/" + b"f" * length, others, apns_id)
