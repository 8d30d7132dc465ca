"""Terminal verification results (95): what the terminal found, one bit each (EMV Book 3, C5)."""

from enum import IntFlag


class Tvr(IntFlag):
    """The bits that this kernel sets; byte 1 is the most significant of the five."""

    NONE = 0
    ODA_NOT_PERFORMED = 0x80_00_00_00_00
    ICC_DATA_MISSING = 0x20_00_00_00_00
    CDA_FAILED = 0x04_00_00_00_00
    APPLICATION_VERSIONS_DIFFER = 0x00_80_00_00_00
    EXPIRED = 0x00_40_00_00_00
    NOT_YET_EFFECTIVE = 0x00_20_00_00_00
    SERVICE_NOT_ALLOWED = 0x00_10_00_00_00
    CVM_FAILED = 0x00_00_80_00_00
    UNRECOGNISED_CVM = 0x00_00_40_00_00
    FLOOR_LIMIT_EXCEEDED = 0x00_00_00_80_00
    RELAY_THRESHOLD_EXCEEDED = 0x00_00_00_00_08  # byte 5 is of Book C-2
    RELAY_TIME_LIMITS_EXCEEDED = 0x00_00_00_00_04
    RELAY_RESISTANCE_PERFORMED = 0x00_00_00_00_02
    RELAY_RESISTANCE_NOT_PERFORMED = 0x00_00_00_00_01

    def encode(self) -> bytes:
        """The value of tag 95, 5 bytes."""
        return int(self).to_bytes(5)
