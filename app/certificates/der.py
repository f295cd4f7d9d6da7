"""As much of DER (ITU-T X.690) as a signature needs: writing one value, reading a row of values."""
from typing import NamedTuple

INTEGER, OCTET_STRING, OID, UTC_TIME, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x17, 0x30, 0x31
CONTEXT_0 = 0xA0       # [0], constructed


class Value(NamedTuple):
    """One DER value: its tag byte, its content, and the whole with tag and length."""

    tag: int
    content: bytes
    whole: bytes


def tlv(tag: int, content: bytes) -> bytes:
    """One value: tag, definite length, content."""
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def oid(dotted: str) -> bytes:
    """An object identifier as a whole value."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = bytearray([first * 40 + second])
    for arc in rest:
        groups = [arc & 127]
        while arc := arc >> 7:
            groups.append(128 | arc & 127)
        content += bytes(reversed(groups))
    return tlv(OID, bytes(content))


def read(data: bytes) -> list[Value]:
    """The values that lie one after another in `data`, not looking into them. Raises ValueError where the bytes are not DER."""
    values, at = [], 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("a DER value is cut short")
        tag, size, start = data[at], data[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(data[start:start + count], "big")
            if not 1 <= count <= 4 or size < 128 or data[start] == 0:
                raise ValueError("a DER length is not in its shortest form")
            start += count
        if start + size > len(data):
            raise ValueError("a DER value is cut short")
        values.append(Value(tag, data[start:start + size], data[at:start + size]))
        at = start + size
    return values
