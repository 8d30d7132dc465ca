"""Damage to honest bytes, by a seeded stream: the same inputs on every machine and in every run."""

from collections.abc import Iterator, Sequence
from random import Random

_TELLING = (0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFE, 0xFF)  # the edges of BER's lengths
_BYTES_MAX = 4_096


def damaged(seeds: Sequence[bytes], count: int, name: str) -> Iterator[bytes]:
    """Each seed as it is, then `count` inputs made of them; `name` decides which."""
    yield from seeds
    random = Random(name)
    for _ in range(count):
        data = bytearray(random.choice(seeds))
        for _ in range(1 << random.randrange(5)):
            _damage(data, seeds, random)
        yield bytes(data[:_BYTES_MAX])


def _damage(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    at, count = random.randrange(len(data) + 1), random.randrange(1, 9)
    match random.randrange(7):
        case 0:
            data[at : at + 1] = bytes((random.choice(_TELLING),))
        case 1:
            data[at : at + count] = random.randbytes(count)
        case 2:
            del data[at : at + count]
        case 3:
            data[at:at] = random.randbytes(count)
        case 4:
            data[at:at] = data[at : at + 8 * count]  # something twice
        case 5:
            other = random.choice(seeds)
            start = random.randrange(len(other) + 1)
            data[at : at + 8 * count] = other[start : start + 8 * count]
        case _:
            if at < len(data):
                data[at] ^= 1 << random.randrange(8)
