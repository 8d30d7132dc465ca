"""What the operator of a switch reads of its throttle: a line for each source that was closed."""

import logging

from zheton.roles.network.throttle import Throttle

_log = logging.getLogger(__name__)


def tell_closings(throttle: Throttle) -> None:
    """Log what was closed since the last call; it names a source, and nothing of a card."""
    for closing in throttle.news():
        _log.warning(
            "closed for %.0f s after too many messages without proof: %r"
            " (line, acquirer, terminal); %d answered at once so far",
            closing.seconds,
            closing.source,
            closing.refused,
        )
