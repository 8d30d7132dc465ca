"""Application cryptograms and the issuer's answer to them (EMV Book 2, 8.1 and 8.2).

The card computes a cryptogram over what both sides know of a transaction; whoever holds the key
computes it again and compares. `cryptogram_input` collects those data as the network's
`CryptogramVersion` lists them.
"""

from collections.abc import Mapping

from zheton.core.crypto import des, mac
from zheton.core.emv.iad import cvr_bytes
from zheton.core.emv.tags import name_of
from zheton.core.errors import ConfigurationError, DecodeError, EncodeError
from zheton.core.scheme import Cipher, CryptogramVersion

CRYPTOGRAM_BYTES = 8
ARPC_2_BYTES = 4
_PROPRIETARY_BYTES_MAX = 8

# EMV Book 3, annex A. The input has no separators, so a value of another length would let one
# field run into the next and two different transactions share a cryptogram.
_LENGTHS: Mapping[int, int] = {
    0x82: 2,
    0x95: 5,
    0x9A: 3,
    0x9C: 1,
    0x5F2A: 2,
    0x9F02: 6,
    0x9F03: 6,
    0x9F1A: 2,
    0x9F34: 3,
    0x9F36: 2,
    0x9F37: 4,
}


def cryptogram_input(version: CryptogramVersion, values: Mapping[int, bytes], iad: bytes) -> bytes:
    """The data that a cryptogram of this version covers, in its order (8.1.1).

    `values` holds the data objects by tag, `iad` the value of 9F10, whose card verification
    results stand in where the version lists `CVR`. Raises DecodeError, naming the data object, if
    one is missing or has another length than the standard gives it, 9F10 included.
    """
    parts, cvr = [], cvr_bytes(version.layout, iad)
    for item in version.data:
        if item == "9F10":
            parts.append(iad)
        elif item == "CVR":
            parts.append(cvr)
        else:
            parts.append(_fixed(int(item, 16), values))
    return b"".join(parts)


def application_cryptogram(cipher: Cipher, session_key: bytes, data: bytes) -> bytes:
    """The cryptogram (ARQC, TC or AAC) of 8 bytes over the data (8.1.2).

    Triple DES: ISO/IEC 9797-1 algorithm 3 with padding method 2 (A1.2.1). AES: CMAC, leftmost
    8 bytes (A1.2.2).
    """
    return _mac(cipher, session_key, data)[:CRYPTOGRAM_BYTES]


def verify_application_cryptogram(
    cipher: Cipher, session_key: bytes, data: bytes, given: bytes
) -> None:
    """Raise VerificationError unless `given` is the cryptogram over the data."""
    mac.verify_equal(
        application_cryptogram(cipher, session_key, data), given, "application cryptogram"
    )


def arpc_1(cipher: Cipher, session_key: bytes, arqc: bytes, arc: bytes) -> bytes:
    """The issuer's answer to an ARQC by method 1: 8 bytes, over a response code of 2 (8.2.1).

    The method enciphers one block of 8 bytes, so it is for Triple DES alone; with AES it raises
    ConfigurationError.
    """
    if cipher != "3des":
        raise ConfigurationError("ARPC method 1 works with 3des only; a network on aes uses 2.")
    _sized(arqc, CRYPTOGRAM_BYTES, "ARQC")
    block = int.from_bytes(arqc) ^ int.from_bytes(_sized(arc, 2, "ARC")) << 48
    return des.encrypt_ecb(session_key, block.to_bytes(des.BLOCK_BYTES))


def arpc_2(
    cipher: Cipher, session_key: bytes, arqc: bytes, csu: bytes, proprietary: bytes = b""
) -> bytes:
    """The issuer's answer to an ARQC by method 2: 4 bytes (8.2.2).

    It covers the card status update of 4 bytes and up to 8 bytes of proprietary data.
    """
    if len(proprietary) > _PROPRIETARY_BYTES_MAX:
        raise EncodeError("it has at most 8 bytes", field="proprietary authentication data")
    data = _sized(arqc, CRYPTOGRAM_BYTES, "ARQC") + _sized(csu, 4, "CSU") + proprietary
    return _mac(cipher, session_key, data)[:ARPC_2_BYTES]


def verify_arpc_1(
    cipher: Cipher, session_key: bytes, arqc: bytes, arc: bytes, given: bytes
) -> None:
    """Raise VerificationError unless `given` is the ARPC of method 1."""
    mac.verify_equal(arpc_1(cipher, session_key, arqc, arc), given, "ARPC")


def verify_arpc_2(
    cipher: Cipher, session_key: bytes, arqc: bytes, csu: bytes, proprietary: bytes, given: bytes
) -> None:
    """Raise VerificationError unless `given` is the ARPC of method 2."""
    mac.verify_equal(arpc_2(cipher, session_key, arqc, csu, proprietary), given, "ARPC")


def _mac(cipher: Cipher, session_key: bytes, data: bytes) -> bytes:
    if cipher == "aes":
        return mac.cmac(session_key, data)
    return mac.retail_mac(session_key, mac.pad_method_2(data))


def _fixed(tag: int, values: Mapping[int, bytes]) -> bytes:
    value = values.get(tag)
    if value is None:
        raise DecodeError(
            "the cryptogram covers it and it is missing", field=name_of(tag), offset=0
        )
    size = _LENGTHS.get(tag, len(value))
    if len(value) != size:
        raise DecodeError(f"{size} bytes expected, {len(value)} came", field=name_of(tag), offset=0)
    return value


def _sized(value: bytes, size: int, field: str) -> bytes:
    if len(value) != size:
        raise EncodeError(f"it has {size} bytes", field=field)
    return value
