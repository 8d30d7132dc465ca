"""Store and forward: advices (0120) out of the journal, again and again, until issuers have them.

Cards are advised at once, the debits of one card in turn: what an issuer hears of a card is the
beginning of what happened, never a part out of its middle.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from zheton.adapters.clock import Clock
from zheton.adapters.tcp.link import IsoLink
from zheton.core.again import Result
from zheton.core.debit import Journalled
from zheton.core.errors import UnreachableError
from zheton.roles.network.stand_in import advice_heard, advice_message, advices_due
from zheton.roles.network.state import Switch

ANSWER_TIMEOUT_S = 5.0
ROUND_MAX = 200
# Nobody has looked at the advice (ISO 8583:1987, DE39). Any other answer is the issuer's last word.
UNHEARD = frozenset({"91"})
_log = logging.getLogger(__name__)


class InJournal(Protocol):
    """Does the work of one transaction where the journal is, again where it was ended."""

    def __call__(self, work: Callable[[], Result], /) -> Awaitable[Result]:
        """The work's result."""


class Advising:
    """Delivers the advices of one switch."""

    def __init__(
        self, switch: Switch, issuer: IsoLink, in_journal: InJournal, clock: Clock
    ) -> None:
        self._switch, self._issuer = switch, issuer
        self._in_journal, self._clock = in_journal, clock

    async def deliver(self) -> None:
        """Send what is due, at most `ROUND_MAX`; UnreachableError if any is not confirmed."""
        if self._issuer.is_away:  # an advice that can't go out must not be noted as sent
            return
        due = await self._in_journal(partial(advices_due, self._switch, ROUND_MAX))
        by_card: defaultdict[str, list[Journalled]] = defaultdict(list)
        for line in due:
            by_card[line.card].append(line)
        ended = await asyncio.gather(*map(self._of_card, by_card.values()), return_exceptions=True)
        failed = [each for each in ended if isinstance(each, Exception)]
        if failed:  # the other cards are advised all the same; these are asked again
            kinds = ", ".join(sorted({type(each).__name__ for each in failed}))
            raise UnreachableError(f"Advices of {len(failed)} cards are not confirmed ({kinds}).")

    async def _of_card(self, lines: Sequence[Journalled]) -> None:
        for line in lines:
            message = await self._in_journal(
                partial(advice_message, self._switch, line, self._clock.now())
            )
            if message is None:  # reversed meanwhile
                continue
            response = await self._issuer.request(message, ANSWER_TIMEOUT_S)
            code = response.text(39)
            if code in UNHEARD:
                raise UnreachableError("The issuer has no time for advices.")
            if code != "00":
                _log.warning("the issuer can't book an advice: %s", code)
            await self._in_journal(partial(advice_heard, self._switch, line))
