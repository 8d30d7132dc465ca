"""What a card may pay although nobody has proved to be its holder: small amounts, a few in a row.

A country says up to which amount of its currency a contactless debit needs no cardholder
verification. The chip gets these limits with its profile and declines above them, and the token
service holds them against what the chip reports, so both read the same rule.
"""

from dataclasses import dataclass

from zheton.core.errors import DecodeError, EncodeError

COUNTRIES_MAX = 64
_FIELD = "limits without verification"
_ENTRY_BYTES = 10  # country and currency, n 3 in two bytes each, and an amount, n 12
_AMOUNT_DIGITS = 12


@dataclass(frozen=True, slots=True)
class NoCvmLimit:
    """The limit of one country: both codes numeric (3 digits), the amount in minor units."""

    country: str
    currency: str
    minor: int

    def __post_init__(self) -> None:
        for code in (self.country, self.currency):
            if len(code) != 3 or not (code.isascii() and code.isdigit()):
                raise EncodeError("a country and a currency are 3 digits", field=_FIELD)
        if not 0 <= self.minor < 10**_AMOUNT_DIGITS:
            raise EncodeError("an amount has 12 digits at most", field=_FIELD)

    def encode(self) -> bytes:
        """Ten bytes, all of them BCD, as EMV writes 9F1A, 5F2A and 9F02."""
        return bytes.fromhex(f"0{self.country}0{self.currency}{self.minor:012d}")


@dataclass(frozen=True, slots=True)
class NoCvm:
    """Limits by country, and how many debits in a row may go without a verification (0 to 255)."""

    debits: int = 0
    limits: tuple[NoCvmLimit, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.debits <= 0xFF or len(self.limits) > COUNTRIES_MAX:
            problem = f"they are of {COUNTRIES_MAX} countries at most, for 0 to 255 debits"
            raise EncodeError(problem, field=_FIELD)
        if len({limit.country for limit in self.limits}) != len(self.limits):
            raise EncodeError("a country has one limit", field=_FIELD)

    def allows(self, country: str, currency: str, minor: int) -> bool:
        """Whether a debit there needs no verification; an unknown country always needs one.

        >>> rubles = NoCvm(5, (NoCvmLimit("643", "643", 100_000),))
        >>> rubles.allows("643", "643", 100_000), rubles.allows("643", "643", 100_001)
        (True, False)
        >>> rubles.allows("643", "840", 1), rubles.allows("156", "643", 1)
        (False, False)
        """
        return any(
            (limit.country, limit.currency) == (country, currency) and minor <= limit.minor
            for limit in self.limits
        )

    def encode(self) -> bytes:
        """The count of debits (1 byte), then the limits."""
        return bytes((self.debits,)) + b"".join(limit.encode() for limit in self.limits)

    @classmethod
    def decode(cls, data: bytes) -> "NoCvm":
        """The limits in these bytes; DecodeError if they are none that `encode` wrote."""
        if len(data) % _ENTRY_BYTES != 1:
            raise DecodeError("an entry is cut short", field=_FIELD, offset=len(data))
        starts = range(1, len(data), _ENTRY_BYTES)
        try:
            return cls(data[0], tuple([_limit(data[at : at + _ENTRY_BYTES]) for at in starts]))
        except EncodeError as error:
            raise DecodeError(error.problem, field=_FIELD, offset=0) from None


NEVER = NoCvm()


def _limit(entry: bytes) -> NoCvmLimit:
    digits = entry.hex()
    if not digits.isdigit() or digits[0] != "0" or digits[4] != "0":
        raise EncodeError("an entry is not in BCD", field=_FIELD)
    return NoCvmLimit(digits[1:4], digits[5:8], int(digits[8:]))
