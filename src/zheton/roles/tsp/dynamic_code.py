"""The dynamic code of an online number: six digits that its session key decides.

Nothing is stored: whoever can derive the key can make the code again. It is the truncation of
HOTP (RFC 4226, 5.3) over a MAC of a constant, for the key itself serves one number only.
"""

from zheton.core.crypto.mac import cmac

CODE_DIGITS = 6


def dynamic_code(session_key: bytes) -> str:
    """The code of a number from its 16-byte session key."""
    image = cmac(session_key, b"zheton dynamic code")
    offset = image[-1] & 0x07  # 16 bytes of MAC: any four from 0..7 on lie inside
    value = int.from_bytes(image[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{value % 10**CODE_DIGITS:0{CODE_DIGITS}d}"
