"""What is hunted: a secret, and every way in which it may be written in bytes.

A card number is hunted whole and in parts of twelve digits, for the rest could be guessed; an
unkeyed hash of it is as bad as the number itself, so that is hunted too. Track 2 needs no spelling
of its own: what precedes its separator, D or =, is the number in BCD or in text.
"""

import base64
import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

SPELLING_BYTES_MIN = 7  # less would be found by chance in a gigabyte, and the finder needs as much
_PART = 12
_PYTHON_DIGIT_BITS = 30  # of an int of CPython: sys.int_info.bits_per_digit
_HASHES = ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")

Spelled = tuple[str, bytes]


@dataclass(frozen=True, slots=True)
class Needle:
    """One secret: what sort of thing it is, whose, and how it may be written."""

    thing: str
    of: str
    spellings: tuple[Spelled, ...] = field(repr=False)

    @classmethod
    def digits(cls, thing: str, of: str, number: str, *, thorough: bool = False) -> "Needle":
        """A number of 16 digits; `thorough` if parts and hashes of it would give it away too."""
        found = [*_of_digits(number), *(_of_rests(number) if thorough else ())]
        return cls(thing, of, _distinct(found))

    @classmethod
    def octets(cls, thing: str, of: str, secret: bytes) -> "Needle":
        """A key: raw, backwards (as big numbers lie in memory), escaped, hexadecimal, base64."""
        escaped = repr(secret)[2:-1].encode()
        found = [("raw", secret), ("backwards", secret[::-1]), ("escaped", escaped)]
        return cls(thing, of, _distinct([*found, *_hexadecimal("", secret), *_base64("", secret)]))

    @classmethod
    def text(cls, thing: str, of: str, words: str) -> "Needle":
        """A name or a passphrase."""
        found: list[Spelled] = []
        for cased in (words, words.upper(), words.lower()):
            for encoding in ("utf-8", "utf-16-le", "utf-16-be", "cp500"):
                found.append((encoding, cased.encode(encoding)))
            found += [*_hexadecimal("", cased.encode()), *_base64("", cased.encode())]
        return cls(thing, of, _distinct(found))


def _of_digits(number: str) -> Iterator[Spelled]:
    plain, packed, ebcdic = number.encode(), bytes.fromhex(number), number.encode("cp500")
    yield "text", plain
    for between in (" ", "-", "\u00a0"):
        groups = between.join(number[at : at + 4] for at in range(0, len(number), 4))
        yield "text in groups", groups.encode()
        yield "text in groups", groups.encode("latin-1")
        yield "UTF-16 in groups", groups.encode("utf-16-le")
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le"):
        yield encoding, number.encode(encoding)
    yield "JSON escapes", "".join(f"\\u{ord(digit):04x}" for digit in number).encode()
    yield "EBCDIC", ebcdic
    yield "BCD", packed
    yield "BCD at an odd nibble", bytes.fromhex(number[1:-1])
    for name, written in (("text", plain), ("EBCDIC", ebcdic)):
        yield from _hexadecimal(name, written)
    for name, written in (("text", plain), ("EBCDIC", ebcdic), ("BCD", packed)):
        yield from _base64(name, written)
    yield from _of_integer(int(number))


def _of_integer(value: int) -> Iterator[Spelled]:
    yield "int64, little end first", struct.pack("<Q", value)
    yield "int64, big end first", struct.pack(">Q", value)
    yield "double", struct.pack("<d", value)  # all numbers of JavaScript are
    low = value & ((1 << _PYTHON_DIGIT_BITS) - 1)
    yield "int of Python", struct.pack("<II", low, value >> _PYTHON_DIGIT_BITS)


def _of_rests(number: str) -> Iterator[Spelled]:
    for start in (0, (len(number) - _PART) // 2, len(number) - _PART):
        yield "a part as text", number[start : start + _PART].encode()
    for name in _HASHES:
        for written in (number.encode(), bytes.fromhex(number)):
            digest = hashlib.new(name, written, usedforsecurity=False).digest()
            yield f"{name} of it", digest
            yield from _hexadecimal(f"{name} of", digest)
            yield from _base64(f"{name} of", digest)


def _hexadecimal(name: str, secret: bytes) -> Iterator[Spelled]:
    yield f"hexadecimal {name}".strip(), secret.hex().encode()
    yield f"hexadecimal {name}".strip(), secret.hex().upper().encode()


def _base64(name: str, secret: bytes) -> Iterator[Spelled]:
    """At each of the three alignments; characters that neighbours share are left out."""
    for lead in range(3):
        encoded = base64.b64encode(bytes(lead) + secret)
        last = len(encoded) if (lead + len(secret)) % 3 == 0 else len(encoded) - 4
        whole = encoded[4 if lead else 0 : last]
        yield f"base64 {name}".strip(), whole
        yield f"base64 {name}".strip(), whole.translate(_URL_SAFE)


def _distinct(found: list[Spelled]) -> tuple[Spelled, ...]:
    names: dict[bytes, str] = {}
    for name, written in found:
        assert len(written) >= SPELLING_BYTES_MIN, name
        names.setdefault(written, name)
    return tuple((name, written) for written, name in names.items())
