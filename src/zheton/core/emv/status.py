"""Status words of ISO/IEC 7816-4 (5.6), EMV and GlobalPlatform, named and explained."""

from collections.abc import Mapping
from types import MappingProxyType

SUCCESS = 0x9000
MORE_DATA = 0x6310  # GlobalPlatform GET STATUS: more is there, ask with "next occurrence"
FILE_DEACTIVATED = 0x6283
AUTHENTICATION_FAILED = 0x6300
WRONG_LENGTH = 0x6700
LOGICAL_CHANNEL_NOT_SUPPORTED = 0x6881
SECURE_MESSAGING_NOT_SUPPORTED = 0x6882
CHAINING_NOT_SUPPORTED = 0x6884
SECURITY_STATUS_NOT_SATISFIED = 0x6982
AUTHENTICATION_METHOD_BLOCKED = 0x6983
REFERENCE_DATA_NOT_USABLE = 0x6984
CONDITIONS_NOT_SATISFIED = 0x6985
COMMAND_NOT_ALLOWED = 0x6986
SECURE_MESSAGING_DATA_INCORRECT = 0x6988
WRONG_DATA = 0x6A80
FUNCTION_NOT_SUPPORTED = 0x6A81
FILE_NOT_FOUND = 0x6A82
RECORD_NOT_FOUND = 0x6A83
NOT_ENOUGH_MEMORY = 0x6A84
INCORRECT_P1_P2 = 0x6A86
REFERENCED_DATA_NOT_FOUND = 0x6A88
WRONG_P1_P2 = 0x6B00
INSTRUCTION_NOT_SUPPORTED = 0x6D00
CLASS_NOT_SUPPORTED = 0x6E00
NO_PRECISE_DIAGNOSIS = 0x6F00

_BYTES_AVAILABLE, _CORRECT_LE = 0x6100, 0x6C00
_TRIES_LEFT = 0x63C0

MEANING: Mapping[int, str] = MappingProxyType(
    {
        SUCCESS: "success",
        MORE_DATA: "more data available",
        FILE_DEACTIVATED: "selected application is blocked",
        AUTHENTICATION_FAILED: "authentication failed",
        WRONG_LENGTH: "wrong length",
        LOGICAL_CHANNEL_NOT_SUPPORTED: "logical channel not supported",
        SECURE_MESSAGING_NOT_SUPPORTED: "secure messaging not supported",
        CHAINING_NOT_SUPPORTED: "command chaining not supported",
        SECURITY_STATUS_NOT_SATISFIED: "security status not satisfied",
        AUTHENTICATION_METHOD_BLOCKED: "authentication method blocked",
        REFERENCE_DATA_NOT_USABLE: "reference data not usable",
        CONDITIONS_NOT_SATISFIED: "conditions of use not satisfied",
        COMMAND_NOT_ALLOWED: "command not allowed",
        SECURE_MESSAGING_DATA_INCORRECT: "secure messaging data incorrect",
        WRONG_DATA: "incorrect parameters in the data field",
        FUNCTION_NOT_SUPPORTED: "function not supported",
        FILE_NOT_FOUND: "file or application not found",
        RECORD_NOT_FOUND: "record not found",
        NOT_ENOUGH_MEMORY: "not enough memory",
        INCORRECT_P1_P2: "incorrect P1 or P2",
        REFERENCED_DATA_NOT_FOUND: "referenced data not found",
        WRONG_P1_P2: "wrong P1 or P2",
        INSTRUCTION_NOT_SUPPORTED: "instruction not supported",
        CLASS_NOT_SUPPORTED: "class not supported",
        NO_PRECISE_DIAGNOSIS: "no precise diagnosis",
    }
)


def bytes_available(count: int) -> int:
    """61xx: `count` bytes wait for GET RESPONSE; 256 and more are shown as 00."""
    return _BYTES_AVAILABLE | (count if count < 0x100 else 0)


def correct_le(count: int) -> int:
    """6Cxx: the command has to be sent again with this Le; 256 is shown as 00."""
    return _CORRECT_LE | (count if count < 0x100 else 0)


def tries_left(count: int) -> int:
    """63Cx: the verification failed, `count` (0 to 15) tries are left."""
    return _TRIES_LEFT | min(count, 0x0F)


def meaning(sw: int) -> str:
    """A status word in words, for logs and the X-ray.

    >>> meaning(0x6A82), meaning(0x6110), meaning(0x63C2)
    ('file or application not found', '16 bytes available', '2 tries left')
    """
    if sw >> 8 == _BYTES_AVAILABLE >> 8:
        return f"{(sw & 0xFF) or 256} bytes available"
    if sw >> 8 == _CORRECT_LE >> 8:
        return f"Le has to be {(sw & 0xFF) or 256}"
    if sw & 0xFFF0 == _TRIES_LEFT:
        return f"{sw & 0x0F} tries left"
    return MEANING.get(sw, f"status {sw:04X}")
