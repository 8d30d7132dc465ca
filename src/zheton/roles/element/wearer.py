"""What the chip keeps of its wearer: the passcode, the order of the cards, unverified debits."""

from dataclasses import dataclass, replace

from zheton.core.emv.perso import CARD_REF_BYTES
from zheton.core.errors import DecodeError
from zheton.roles.element.passcode import Passcode
from zheton.roles.element.profile import CARDS_MAX

UNVERIFIED_MAX = 0xFF


@dataclass(frozen=True, slots=True)
class Wearer:
    """`order` are references of cards, the default one first; cards that are not in it follow.

    `unverified` counts the debits since the passcode was last right.
    """

    passcode: Passcode | None = None
    order: tuple[bytes, ...] = ()
    unverified: int = 0

    def place(self, card_ref: bytes) -> int:
        """Where the wearer wants a card; behind all that are named if it is not."""
        return self.order.index(card_ref) if card_ref in self.order else len(self.order)

    def with_order(self, order: tuple[bytes, ...]) -> "Wearer":
        """With these cards first; those that were first before follow them."""
        kept = tuple(ref for ref in self.order if ref not in order)
        return replace(self, order=(*order, *kept)[:CARDS_MAX])

    def unlocked(self) -> "Wearer":
        """With all tries of the passcode again; the passcode itself is nobody's but the wearer's.

        Who could set or forget it with the wallet's keys and a stolen device would pay with it.
        """
        if self.passcode is None:
            return self
        return replace(self, passcode=self.passcode.unlocked())

    def unverified_once_more(self) -> "Wearer":
        """After one more debit without a verification."""
        return replace(self, unverified=min(self.unverified + 1, UNVERIFIED_MAX))

    def encode(self) -> bytes:
        """The bytes that the memory keeps: both counts, the order, the passcode."""
        head = bytes((self.unverified, len(self.order)))
        passcode = self.passcode.encode() if self.passcode else b""
        return head + b"".join(self.order) + passcode

    @classmethod
    def decode(cls, record: bytes) -> "Wearer":
        """The wearer in these bytes; DecodeError if `encode` did not write them."""
        end = 2 + CARD_REF_BYTES * record[1] if len(record) > 1 else 0
        if not end or len(record) < end or record[1] > CARDS_MAX:
            raise DecodeError("the order is cut short", field="wearer", offset=len(record))
        starts = range(2, end, CARD_REF_BYTES)
        order = tuple([record[at : at + CARD_REF_BYTES] for at in starts])
        passcode = Passcode.decode(record[end:]) if record[end:] else None
        return cls(passcode, order, record[0])


NOBODY = Wearer()
