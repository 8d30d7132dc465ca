"""The answer to GENERATE AC with a signature in place of the cryptogram (EMV Book 2, 6.6.1).

The signature carries the cryptogram and a hash of the transaction, so that whoever carries the
bytes between card and terminal can change neither.
"""

from collections.abc import Sequence

from zheton.core.emv import combined, tags
from zheton.core.emv.combined import DynamicData, transaction_data_hash
from zheton.core.emv.tlv import encode, encode_all
from zheton.roles.element.debit import Debit, Signing
from zheton.roles.element.generate_ac import Cryptogram
from zheton.roles.element.ports import Entropy

_NUMBER_BYTES = 8


def signed_response(
    debit: Debit, signing: Signing, made: Cryptogram, requests: Sequence[bytes], entropy: Entropy
) -> bytes:
    """The answer that carries a signed cryptogram; `requests` answered PDOL, CDOL1 and CDOL2."""
    key, cid = signing.key, int(made.ac_type)
    head = (
        (tags.CRYPTOGRAM_INFORMATION_DATA, bytes((cid,))),
        (tags.ATC, made.counter),
    )
    tail = ((tags.ISSUER_APPLICATION_DATA, made.issuer_data),)
    data = DynamicData(
        entropy.take(_NUMBER_BYTES),
        cid,
        made.value,
        transaction_data_hash(requests, (*head, *tail)),
        debit.relay,
    )
    number = made.values[tags.UNPREDICTABLE_NUMBER]
    signature = combined.sign(key, data, number, entropy.take(key.public.size))
    objects = (*head, (tags.SIGNED_DYNAMIC_APPLICATION_DATA, signature), *tail)
    return encode(tags.RESPONSE_FORMAT_2, encode_all(objects))
