"""DE48 of the dialect: private subelements, each `NN LL value`, in rising order.

NN is the number and LL the length of the value, two digits each (docs/dialect.md).
"""

import re
from collections.abc import Mapping

from zheton.core.errors import DecodeError, EncodeError

TOKENISATION_STEP = "25"
ACTIVATION_CODE = "26"
REACHED_BY = "27"
FOLLOW_UP = "28"
TOKEN_DATA = "33"  # noqa: S105 - the number of a subelement, and no secret
DYNAMIC_CODE = "92"

_HEAD = re.compile("([0-9]{2})([0-9]{2})")
_NUMBER = re.compile("[0-9]{2}").fullmatch
_VALUE = re.compile("[ -~]{0,99}").fullmatch


def encode(subelements: Mapping[str, str]) -> str:
    """DE48 of subelements by their number; EncodeError names the one that does not fit.

    >>> encode({"92": "123456", "25": "TAR"})
    '2503TAR9206123456'
    """
    parts = []
    for number in sorted(subelements):
        value = subelements[number]
        if _NUMBER(number) is None:
            raise EncodeError("the number of a subelement is 2 digits", field="DE48")
        if _VALUE(value) is None:
            raise EncodeError("is at most 99 printable characters", field=f"DE48.{number}")
        parts.append(f"{number}{len(value):02d}{value}")
    return "".join(parts)


def decode(text: str) -> dict[str, str]:
    """The subelements of DE48 by number; DecodeError names the one, offsets count within DE48.

    >>> decode("2503TAR9206123456")
    {'25': 'TAR', '92': '123456'}
    """
    found: dict[str, str] = {}
    at, last = 0, ""
    while at < len(text):
        head = _HEAD.match(text, at)
        if head is None:
            raise DecodeError("a subelement starts with 4 digits", field="DE48", offset=at)
        number, start = head[1], head.end()
        if number <= last:
            raise DecodeError("subelements rise", field=f"DE48.{number}", offset=at)
        value = text[start : start + int(head[2])]
        if len(value) != int(head[2]):
            raise DecodeError("DE48 ends within it", field=f"DE48.{number}", offset=start)
        found[number], last, at = value, number, start + len(value)
    return found
