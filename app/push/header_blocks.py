"""The header blocks of pushes (RFC 7541). A push differs from the one before by its path and its id alone; the rest is a few bytes.

Left to hpack, encoding these nine headers costs more than all else that a push does, most of it Huffman coding of tokens that never
come again.
"""
from collections.abc import Iterable
from typing import Any

from hpack import Encoder
from hpack.hpack import encode_integer

Header = tuple[bytes, bytes]
INDEXED, LARGEST = 0x80, 0x7F       # the whole header is a number in the table; larger ones take further bytes
_NEVER_INDEXED_PATH = b"\x14"                   # literal, never indexed; its name is number 4 of the static table
_NEVER_INDEXED_ID = b"\x10\x07apns-id"


class HeaderBlocks(Encoder):
    """An h2 connection's encoder. `block` makes a push's headers; h2 is handed it as the last header's value and frames it."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[tuple[Header, ...], bytes] = {}

    def encode(self, headers: Iterable[Any], huffman: bool = True) -> bytes:
        """Called by h2."""
        *_, (_, block) = headers
        return bytes(block)

    def block(self, first: tuple[Header, ...], path: bytes, others: tuple[Header, ...], apns_id: bytes) -> bytes:
        """first: the pseudo-headers but :path; both tuples are the same objects' worth for many pushes."""
        return b"".join((self._constant(first), _NEVER_INDEXED_PATH, bytes(encode_integer(len(path), 7)), path,
                         self._constant(others), _NEVER_INDEXED_ID, bytes(encode_integer(len(apns_id), 7)), apns_id))

    def _constant(self, headers: tuple[Header, ...]) -> bytes:
        """The headers as numbers in the table where they all stand there already; else in full, and they stand there from then on."""
        if not self.header_table.resized and (known := self._known.get(headers)):
            return known
        block = super().encode(headers)
        places = [self.header_table.search(*header) for header in headers]
        if all(place and place[2] is not None and place[0] < LARGEST for place in places):
            numbers = bytes(INDEXED | place[0] for place in places if place)
            if block != numbers:
                self._known.clear()     # something entered the table, and all that stood there moved
            self._known[headers] = numbers
        else:
            self._known.clear()
        return block
