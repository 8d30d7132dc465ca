"""What the detokenisation log gets to know of a card that the network opens."""

from datetime import datetime

from zheton.core.debit import Journalled
from zheton.core.token.audit.entry import Purpose, Resolution, unix_ms
from zheton.roles.network.state import Switch


def opening(on: Switch, line: Journalled, purpose: Purpose, now: datetime) -> Resolution:
    """The card of a debit is opened, now, for a purpose; the number is told as BIN and index."""
    return Resolution(
        unix_ms(now), on.who, purpose, line.debit, line.card, line.at.bin, line.at.index
    )
