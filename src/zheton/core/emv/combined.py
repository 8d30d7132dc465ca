"""Combined DDA and application cryptogram: the card signs what it answers (Book 2, 6.6).

The signature (9F4B) carries the cryptogram and a hash of the whole transaction, so that nothing
between card and terminal can change either. With relay resistance it carries its figures too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from zheton.core.crypto.digest import sha1
from zheton.core.crypto.mac import verify_equal
from zheton.core.crypto.rsa import PrivateKey, PublicKey
from zheton.core.emv import recovery, tags
from zheton.core.emv.tlv import encode_all
from zheton.core.errors import EncodeError, VerificationError

SIGNED_DYNAMIC_DATA = 0x05
_NUMBERS = range(2, 9)  # bytes of an ICC dynamic number
_CRYPTOGRAM_BYTES = 8
_PAD = b"\xbb"
_FRAME_BYTES = 3  # format, hash algorithm, length of the dynamic data


@dataclass(frozen=True, slots=True)
class DynamicData:
    """What the card signs (Book 2, table 19): its own random number, the cryptogram, the hash.

    `cid` is 9F27 of the answer, `transaction_hash` as `transaction_data_hash` makes it; `relay`
    are the figures of relay resistance, where the card was asked for them (Book C-2, 3.10).
    """

    number: bytes
    cid: int
    cryptogram: bytes
    transaction_hash: bytes
    relay: bytes = b""

    def encode(self) -> bytes:
        """The ICC dynamic data; EncodeError if a part has another length than it has to."""
        sizes = (len(self.cryptogram), len(self.transaction_hash))
        if len(self.number) not in _NUMBERS or sizes != (_CRYPTOGRAM_BYTES, recovery.HASH_BYTES):
            raise EncodeError("a part of it has a wrong length", field="ICC dynamic data")
        head = bytes((len(self.number),)) + self.number + bytes((self.cid,))
        return head + self.cryptogram + self.transaction_hash + self.relay


def transaction_data_hash(
    requests: Sequence[bytes], response: Sequence[tuple[int, bytes]]
) -> bytes:
    """The hash of a transaction (Book 2, 6.6.1): 20 bytes.

    `requests` are the values that answered PDOL, CDOL1 and, at the second cryptogram, CDOL2;
    `response` the data objects of the answer in their order, without 9F4B.
    """
    answered = [each for each in response if each[0] != tags.SIGNED_DYNAMIC_APPLICATION_DATA]
    return sha1(b"".join(requests) + encode_all(answered))


def sign(key: PrivateKey, data: DynamicData, unpredictable_number: bytes, blinding: bytes) -> bytes:
    """The signed dynamic application data (9F4B; Book 2, table 18).

    `unpredictable_number` is 9F37 of the terminal, `blinding` as many random bytes as the modulus.
    """
    dynamic = data.encode()
    head = bytes((SIGNED_DYNAMIC_DATA, recovery.SHA_1, len(dynamic))) + dynamic
    size = key.public.size - recovery.OVERHEAD_BYTES
    if len(head) > size:
        raise EncodeError("the key is too short for it", field="ICC dynamic data")
    return recovery.sign(key, head.ljust(size, _PAD), unpredictable_number, blinding)


def signed(key: PublicKey, signature: bytes, unpredictable_number: bytes) -> DynamicData:
    """What a card signed (Book 2, 6.6.2); VerificationError if it is not this card's signature."""
    first = recovery.recover(key, signature, SIGNED_DYNAMIC_DATA, unpredictable_number)
    hashing, size = first[1:_FRAME_BYTES]
    dynamic, padding = first[_FRAME_BYTES:][:size], first[_FRAME_BYTES + size :]
    number_bytes = dynamic[0] if dynamic else 0
    at = 1 + number_bytes
    end = at + 1 + _CRYPTOGRAM_BYTES + recovery.HASH_BYTES
    whole = len(dynamic) == size and padding == _PAD * len(padding) and size >= end
    if hashing != recovery.SHA_1 or number_bytes not in _NUMBERS or not whole:
        raise VerificationError("The signature does not verify.")
    return DynamicData(
        number=dynamic[1:at],
        cid=dynamic[at],
        cryptogram=dynamic[at + 1 : at + 1 + _CRYPTOGRAM_BYTES],
        transaction_hash=dynamic[end - recovery.HASH_BYTES : end],
        relay=dynamic[end:],
    )


def verify(
    key: PublicKey,
    response: Sequence[tuple[int, bytes]],
    requests: Sequence[bytes],
    unpredictable_number: bytes,
) -> DynamicData:
    """The signed data of an answer to GENERATE AC, once all that they vouch for is so.

    The cryptogram information in the clear has to be the signed one, and the hash that of this
    transaction (Book 2, 6.6.2). VerificationError otherwise, also where 9F4B or 9F27 is missing.
    """
    objects = dict(response)
    signature = objects.get(tags.SIGNED_DYNAMIC_APPLICATION_DATA, b"")
    data = signed(key, signature, unpredictable_number)
    if objects.get(tags.CRYPTOGRAM_INFORMATION_DATA) != bytes((data.cid,)):
        raise VerificationError("The signature does not verify.")
    verify_equal(transaction_data_hash(requests, response), data.transaction_hash, "signature")
    return data
