"""Network management (0800/0810): what both ends of a connection answer by themselves."""

from datetime import datetime

from zheton.core.iso8583.match import response_mti
from zheton.core.iso8583.message import Message

REQUEST_MTI = "0800"
SIGN_ON, SIGN_OFF, ECHO = "001", "002", "301"
_DONE, _INVALID = "00", "12"


def echo(count: int, moment: datetime) -> Message:
    """The echo test number `count` of a connection; DE7 is `moment` (UTC).

    >>> echo(1, datetime(2019, 8, 1, 9, 30)).text(7)
    '0801093000'
    """
    return Message(
        REQUEST_MTI,
        {
            7: f"{moment:%m%d%H%M%S}",
            11: f"{count % 1_000_000:06d}",
            37: f"{count % 10**12:012d}",
            70: ECHO,
        },
    )


def answer(request: Message) -> Message:
    """The 0810 to an 0800: done, or invalid where DE70 asks for something else."""
    known = request.text(70) in (SIGN_ON, SIGN_OFF, ECHO)
    fields = {n: request[n] for n in (7, 11, 37, 70) if n in request}
    return Message(response_mti(request.mti), {**fields, 39: _DONE if known else _INVALID})
