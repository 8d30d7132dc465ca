"""The card's answer to INITIALIZE UPDATE (Amendment D, 7.1.1.6)."""

from dataclasses import dataclass

from zheton.core.errors import DecodeError, EncodeError
from zheton.core.scp03.keys import CHALLENGE_BYTES, CRYPTOGRAM_BYTES, SEQUENCE_COUNTER_BYTES

SCP = 0x03
I_PARAMETER = 0x70  # pseudo-random challenge, R-MAC and R-ENCRYPTION (Amendment D, 5.1)
_PSEUDO_RANDOM = 0x10
_S16 = 0x01
_DIVERSIFICATION_BYTES = 10
_BYTES = _DIVERSIFICATION_BYTES + 3 + CHALLENGE_BYTES + CRYPTOGRAM_BYTES
_FIELD = "INITIALIZE UPDATE response"


@dataclass(frozen=True, slots=True)
class InitializeUpdateResponse:
    """Which keys the card uses, its challenge, its cryptogram, and its counter where it has one.

    `sequence_counter` is there exactly if `i` says that the challenge is pseudo-random.
    """

    diversification: bytes
    key_version: int
    challenge: bytes
    cryptogram: bytes
    sequence_counter: int | None
    i: int = I_PARAMETER

    def encode(self) -> bytes:
        """29 bytes, or 32 with the counter; EncodeError if a part has another length."""
        sizes = (len(self.diversification), len(self.challenge), len(self.cryptogram))
        if sizes != (_DIVERSIFICATION_BYTES, CHALLENGE_BYTES, CRYPTOGRAM_BYTES):
            raise EncodeError("a part has the wrong length", field=_FIELD)
        if (self.sequence_counter is not None) != bool(self.i & _PSEUDO_RANDOM):
            raise EncodeError("the counter goes with a pseudo-random challenge", field=_FIELD)
        head = self.diversification + bytes((self.key_version, SCP, self.i))
        counter = self.sequence_counter
        tail = b"" if counter is None else counter.to_bytes(SEQUENCE_COUNTER_BYTES)
        return head + self.challenge + self.cryptogram + tail

    @classmethod
    def decode(cls, data: bytes) -> "InitializeUpdateResponse":
        """The answer in these bytes; DecodeError if it is not SCP03 in S8 mode or cut short."""
        at = _DIVERSIFICATION_BYTES
        if len(data) < at + 3:
            raise DecodeError("the key information is missing", field=_FIELD, offset=len(data))
        version, scp, i = data[at : at + 3]
        if scp != SCP or i & _S16:
            raise DecodeError("the card wants another protocol", field=_FIELD, offset=at + 1)
        size = _BYTES + SEQUENCE_COUNTER_BYTES * bool(i & _PSEUDO_RANDOM)
        if len(data) != size:
            problem = f"{size} bytes expected, {len(data)} came"
            raise DecodeError(problem, field=_FIELD, offset=min(size, len(data)))
        middle = at + 3 + CHALLENGE_BYTES
        return cls(
            diversification=data[:at],
            key_version=version,
            challenge=data[at + 3 : middle],
            cryptogram=data[middle:_BYTES],
            sequence_counter=int.from_bytes(data[_BYTES:]) if len(data) > _BYTES else None,
            i=i,
        )
