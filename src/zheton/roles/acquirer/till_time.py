"""The till's own clock, as the chip was told it."""

from datetime import datetime

from zheton.core.emv import tags, tlv
from zheton.core.errors import EncodeError


def till_time(chip: bytes, now: datetime) -> datetime:
    """The local time of a sale from its chip data: 9A, and 9F21 or else the time of `now`.

    The network compares DE13 with 9A, and a till's day may not be the acquirer's: it keeps another
    zone, or midnight has passed since the tap. EncodeError where the chip data hold no date.
    """
    data = tlv.flat(chip)
    day = data.get(tags.TRANSACTION_DATE)
    if day is None:
        raise EncodeError("the transaction date (9A) is missing", field="chip data")
    at = data.get(tags.TRANSACTION_TIME, bytes.fromhex(f"{now:%H%M%S}"))
    try:
        return datetime.strptime(f"{day.hex()}{at.hex()}", "%y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError:
        raise EncodeError("date or time (9A, 9F21) are none", field="chip data") from None
