"""Card numbers: the Luhn digit, and a type that never shows what it holds."""

from zheton.core.errors import EncodeError

# For bytes.translate: the character of a digit becomes that of its double's digits added up.
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")


def luhn_digit(digits: str) -> str:
    """The check digit that completes `digits` (ISO/IEC 7812-1, annex B).

    >>> luhn_digit("541333008960001")
    '0'
    """
    text = digits.encode("ascii")
    return str(-_total(text[-2::-2], text[::-2]) % 10)


def ends_in_luhn_digit(digits: str) -> bool:
    """Whether the last of these digits is the Luhn digit of those before it.

    >>> ends_in_luhn_digit("5413330089600010")
    True
    """
    text = digits.encode("ascii")
    return _total(text[::-2], text[-2::-2]) % 10 == 0


def _total(single: bytes, doubled: bytes) -> int:
    zeros = ord("0") * (len(single) + len(doubled))
    return sum(single) + sum(doubled.translate(_DOUBLED)) - zeros


class Pan:
    """A primary account number of 12 to 19 digits. Only `reveal()` gives it away.

    EncodeError if it has another length, a character that is no digit, or a wrong Luhn digit.

    >>> Pan("5413 3300 8960 0010")
    Pan(541333******0010)
    """

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        digits = digits.replace(" ", "").replace("-", "")
        if not (digits.isascii() and digits.isdigit() and 12 <= len(digits) <= 19):
            raise EncodeError("a card number has 12 to 19 digits", field="card number")
        if not ends_in_luhn_digit(digits):
            raise EncodeError(
                "the last digit is not its Luhn digit: mistyped?", field="card number"
            )
        self._digits = digits

    def reveal(self) -> str:
        """The digits. Whoever calls this stands inside the vault boundary or is the issuer."""
        return self._digits

    @property
    def last4(self) -> str:
        """The last four digits, which a receipt and a wallet may show (PCI DSS 3.4.1)."""
        return self._digits[-4:]

    def __repr__(self) -> str:
        return f"Pan({mask(self._digits)})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pan) and self._digits == other._digits

    def __hash__(self) -> int:
        return hash(self._digits)

    def __reduce__(self) -> str:
        raise TypeError("a card number is not pickled")


def mask(digits: str) -> str:
    """A number as logs and screens may show it: the first six and the last four digits.

    >>> mask("5413330089600010")
    '541333******0010'
    """
    return f"{digits[:6]}{'*' * (len(digits) - 10)}{digits[-4:]}" if len(digits) > 10 else "****"
