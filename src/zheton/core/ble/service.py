"""Identifiers and limits of the band's GATT service, version 1 (`docs/ble.md`)."""

SERVICE = "f05a0001-4845-5446-8e01-7a6865746f6e"
VERSION = "f05a0002-4845-5446-8e01-7a6865746f6e"
COMMAND = "f05a0003-4845-5446-8e01-7a6865746f6e"
RESPONSE = "f05a0004-4845-5446-8e01-7a6865746f6e"
EVENTS = "f05a0005-4845-5446-8e01-7a6865746f6e"
STATE = "f05a0006-4845-5446-8e01-7a6865746f6e"

PROTOCOL_MAJOR, PROTOCOL_MINOR = 1, 0
MESSAGE_BYTES_MAX = 2048  # a command of the element's has 261 at most; the rest is room to grow
NAME = "Band"  # the same on every device: a name of its own would follow its wearer around

ATT_MTU_MIN, ATT_MTU_MAX = 23, 517
ATT_VALUE_MAX = 512  # whatever the MTU (Core, Vol 3, Part F, 3.2.9)
ATT_OVERHEAD = 3  # opcode and handle of a write or a notification (Core, Vol 3, Part F, 3.4)

RESPONSE_TIMEOUT_S = 10.0  # at the companion, from the last fragment of a command
STRANGER_TIMEOUT_S = 30.0  # how long a phone may stay connected without encryption
PAIRING_WINDOW_S = 60.0  # how long the wearer's pairing mode stays open


def version_value() -> bytes:
    """The version characteristic: major, minor, the longest message (two bytes, little-endian).

    >>> version_value().hex()
    '01000008'
    """
    return bytes((PROTOCOL_MAJOR, PROTOCOL_MINOR)) + MESSAGE_BYTES_MAX.to_bytes(2, "little")
