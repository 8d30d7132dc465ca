"""EXCHANGE RELAY RESISTANCE DATA in the chip (EMV Contactless Book C-2, 5.3 and 3.10).

The chip answers a number that nobody knew before with one of its own, and says how long it takes.
What it says is what a program needs on a busy machine, ten times what a chip needs: enough against
a relay by telephone, and worth little against one across the room (docs/element.md).
"""

from zheton.core.emv.tlv import encode
from zheton.roles.element.ports import Entropy

ENTROPY_BYTES = 4
ATTEMPTS_MAX = 3
_ANSWER = 0x80
# In units of 100 microseconds: least, most, and what the answer takes on the way.
_TIMES = b"".join(time.to_bytes(2) for time in (20, 500, 24))


def answer(entropy: Entropy) -> bytes:
    """The chip's 10 bytes: its own random number, least and most time, time on the way."""
    return entropy.take(ENTROPY_BYTES) + _TIMES


def in_template(data: bytes) -> bytes:
    """The answer as it leaves."""
    return encode(_ANSWER, data)
