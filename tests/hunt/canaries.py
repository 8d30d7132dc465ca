"""Cards that exist for one run only: numbers and names that nothing else on the machine has."""

import random
import string
from dataclasses import dataclass, field

from zheton.core.token.pan import Pan, luhn_digit
from zheton.roles.issuer.enrol import Cardholder

_RANDOM = random.SystemRandom()
MASTERCARD = "541333"  # Mastercard's range for tests
UNKNOWN = "990000"
EXPIRY = "3011"
PLENTY = "1000000"
_MINOR = 100


@dataclass(frozen=True, slots=True)
class Canary:
    """A card that is hunted, and the name of its holder."""

    id: str
    pan: str = field(repr=False)
    holder: str = field(repr=False)

    @classmethod
    def drawn(cls, name: str, prefix: str = MASTERCARD) -> "Canary":
        """A card of a network whose digits nobody has seen before."""
        digits = prefix + "".join(_RANDOM.choices(string.digits, k=15 - len(prefix)))
        return cls(name, digits + luhn_digit(digits), _name())

    @property
    def mistyped(self) -> str:
        """Its number with one digit wrong."""
        return self.pan[:-1] + str((int(self.pan[-1]) + 1) % 10)

    def cardholder(self, opening: int) -> Cardholder:
        """Its account at the bank, with so many roubles."""
        return Cardholder(
            id=self.id,
            holder=self.holder,
            pan=Pan(self.pan),
            expiry=EXPIRY,
            currency="RUB",
            opening_minor=opening * _MINOR,
            credit_limit_minor=0,
            debit_limit_minor=10**9,
            daily_limit_minor=10**9,
            phone=f"+7 900 {_RANDOM.randrange(10**7):07d}",
        )


def _name() -> str:
    first, last = (
        "".join(_RANDOM.choices(string.ascii_lowercase, k=9)).capitalize() for _ in range(2)
    )
    return f"{first} {last}"
