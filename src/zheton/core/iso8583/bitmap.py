"""The bitmaps: which of the data elements 2 to 128 a message holds.

Bit 1 of the primary bitmap announces the secondary one (DE1). Bit 65 would announce a third,
which ISO 8583:1987 leaves to bilateral agreement and no spec here has.
"""

from functools import lru_cache

PRIMARY_BYTES, BOTH_BYTES = 8, 16
SECONDARY_FLAG = 0x80


@lru_cache(maxsize=512)
def elements(bitmap: bytes) -> tuple[int, ...]:
    """The elements, in rising order, of a bitmap of 8 or 16 bytes; bit 1 is none of them.

    Cached, as a stream has few kinds of message; bounded, as a stranger may send all kinds.

    >>> elements(bytes.fromhex("4000000000000001"))
    (2, 64)
    """
    bits, top = int.from_bytes(bitmap, "big"), 8 * len(bitmap)
    return tuple(n for n in range(2, top + 1) if bits >> (top - n) & 1)


@lru_cache(maxsize=512)
def bitmap_of(numbers: tuple[int, ...]) -> bytes:
    """The bitmap, 8 bytes or 16 where an element lies past 64.

    >>> bitmap_of((2, 64)).hex(), bitmap_of((70,)).hex()
    ('4000000000000001', '80000000000000000400000000000000')
    """
    size = BOTH_BYTES if max(numbers, default=0) > 64 else PRIMARY_BYTES
    bits = 1 << 127 if size == BOTH_BYTES else 0
    for number in numbers:
        bits |= 1 << (8 * size - number)
    return bits.to_bytes(size, "big")
