"""Which answer belongs to which request, and which debit a reversal means."""

from dataclasses import dataclass

from zheton.core.errors import DecodeError, EncodeError
from zheton.core.iso8583.message import Message

Key = tuple[str, str, str, str, str]

_ORIGINAL = (("mti", 4), ("stan", 6), ("transmitted", 10), ("acquirer", 11), ("forwarder", 11))
ORIGINAL_DIGITS = 42


def is_request(mti: str) -> bool:
    """Whether an MTI asks (request, advice, notification) rather than answers: third digit even.

    >>> is_request("0100"), is_request("0410")
    (True, False)
    """
    return int(mti[2]) % 2 == 0


def response_mti(mti: str) -> str:
    """The MTI that answers; a repeat (last digit odd) is answered like what it repeats.

    >>> response_mti("0100"), response_mti("0401"), response_mti("0120")
    ('0110', '0410', '0130')
    """
    if not is_request(mti):
        raise EncodeError("answers already and has no answer itself", field="MTI")
    return f"{mti[:2]}{int(mti[2]) + 1}{int(mti[3]) & ~1}"


def key(message: Message) -> Key:
    """What a request and its answer have in common: class of the MTI, DE11, DE7, DE37 and DE32.

    DE11 and DE37 are each acquirer's own, so DE32 keeps two apart on one link. An advice has the
    elements of the request that it tells of, so class means the MTI's first three digits, the last
    of them that of who asks: a late 0110 does not answer a 0120. DecodeError
    where the message lacks DE11 or DE7; DE37 and DE32 may be absent and count as empty.
    """
    for number in (11, 7):
        if number not in message:
            raise DecodeError("absent, so nothing can be matched", field=f"DE{number}", offset=0)
    return (
        f"{message.mti[:2]}{int(message.mti[2]) & ~1}",
        message.text(11),
        message.text(7),
        message.text(37),
        message.text(32).lstrip("0"),
    )


@dataclass(frozen=True, slots=True)
class Original:
    """What DE90 says of the original message: MTI, DE11, DE7, DE32 and DE33.

    The institutions stand without leading zeros, "" where there is none, as DE90 fills with zeros.
    """

    mti: str
    stan: str
    transmitted: str
    acquirer: str
    forwarder: str

    def encode(self) -> str:
        """DE90, n 42; EncodeError where a part is too long or holds no digits.

        >>> Original("0100", "000123", "1122093000", "400001", "").encode()
        '010000012311220930000000040000100000000000'
        """
        parts = []
        for name, width in _ORIGINAL:
            part = str(getattr(self, name)).zfill(width)
            if len(part) != width or not (part.isascii() and part.isdigit()):
                raise EncodeError(f"its {name} is at most {width} digits", field="DE90")
            parts.append(part)
        return "".join(parts)


def original_of(message: Message) -> Original:
    """What a reversal of this message has to put into DE90."""
    return Original(
        message.mti,
        message.text(11),
        message.text(7),
        message.text(32).lstrip("0"),
        message.text(33).lstrip("0"),
    )


def decode_original(text: str) -> Original:
    """DE90 taken apart; DecodeError unless it is 42 digits.

    >>> decode_original("010000012311220930000000040000100000000000").acquirer
    '400001'
    """
    if len(text) != ORIGINAL_DIGITS or not (text.isascii() and text.isdigit()):
        raise DecodeError(f"is not {ORIGINAL_DIGITS} digits", field="DE90", offset=0)
    parts, at = [], 0
    for _, width in _ORIGINAL:
        parts.append(text[at : at + width])
        at += width
    mti, stan, transmitted, acquirer, forwarder = parts
    return Original(mti, stan, transmitted, acquirer.lstrip("0"), forwarder.lstrip("0"))
