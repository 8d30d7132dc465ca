"""The one-time number: token BIN, index under FF1, Luhn digit. There is no token table.

A number is the image of a plain index under NIST SP 800-38G FF1 (AES), with the BIN as tweak:
unique by construction, unguessable without the key, and decrypted back to its index when it
comes home. A range keeps its key for life.
"""

from zheton.core.crypto.digits_many import with_luhn_digit
from zheton.core.crypto.ff1_many import Ff1Many
from zheton.core.errors import ConfigurationError
from zheton.core.token.pan import ends_in_luhn_digit, luhn_digit

NUMBER_DIGITS = 16


class TokenRange:
    """One token BIN of 6 or 8 digits and the numbers in it: 10^9 or 10^7 of them."""

    def __init__(self, token_bin: str, ff1_key: bytes) -> None:
        if not (token_bin.isascii() and token_bin.isdigit() and len(token_bin) in (6, 8)):
            raise ConfigurationError(f"A token BIN has 6 or 8 digits; {token_bin!r} has not.")
        self.bin = token_bin
        self._index_digits = NUMBER_DIGITS - 1 - len(token_bin)
        self.size: int = 10**self._index_digits
        self._ff1 = Ff1Many(ff1_key, tweak=token_bin.encode("ascii"), length=self._index_digits)

    def number(self, index: int) -> str:
        """The 16-digit number of an index (0 to `size` - 1)."""
        image = self._ff1.encrypt_index(index)
        body = f"{self.bin}{image:0{self._index_digits}d}"
        return body + luhn_digit(body)

    def numbers(self, first_index: int, count: int) -> list[str]:
        """The numbers of `count` consecutive indexes: what `number` makes of each, at once."""
        images = self._ff1.encrypt_range(first_index, count)
        return with_luhn_digit(self.bin, images, self._index_digits)

    def index(self, number: str) -> int | None:
        """The index of a 16-digit number, or None where it is none of this range's."""
        if (
            len(number) != NUMBER_DIGITS
            or not (number.isascii() and number.isdigit())
            or not number.startswith(self.bin)
            or not ends_in_luhn_digit(number)
        ):
            return None
        return self._ff1.decrypt_index(int(number[len(self.bin) : -1]))

    def __repr__(self) -> str:
        return f"TokenRange({self.bin})"
