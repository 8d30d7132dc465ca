"""The entry point: pre-processing, PPSE, candidate list, final selection (Contactless Book B).

`tap` is the whole terminal for one presentment of a card. Nothing that a card says or does makes
it raise: it ends in an outcome. Only a till that is set up wrongly raises.
"""

from collections.abc import Sequence
from typing import NamedTuple

from zheton.core.emv import status
from zheton.core.errors import ConfigurationError, DecodeError
from zheton.roles.terminal import dialogue, fci, kernel
from zheton.roles.terminal.deadline import CardTooSlowError, WithinDeadline
from zheton.roles.terminal.fci import DirectoryEntry
from zheton.roles.terminal.outcome import (
    EndApplication,
    Outcome,
    SelectNext,
    TryAgain,
    TryAnotherInterface,
)
from zheton.roles.terminal.ports import Card, CardGoneError, Timer
from zheton.roles.terminal.state import Combination, Setup, TerminalConfig, Transaction

PPSE = b"2PAY.SYS.DDF01"


class Candidate(NamedTuple):
    """An application on the card with the combination of the terminal that takes it."""

    entry: DirectoryEntry
    combination: Combination

    @property
    def name(self) -> bytes:
        """The name to SELECT (Book B, 3.3.3.3: with the extended selection if both know it)."""
        extended = self.entry.extended_selection if self.combination.extended_selection else b""
        return self.entry.adf_name + extended


def tap(
    card: Card, config: TerminalConfig, transaction: Transaction, timer: Timer | None = None
) -> Outcome:
    """What one presentment of `card` comes to; ConfigurationError if the till has another currency.

    The `timer` is for relay resistance and bounds the whole presentment; a till without one
    measures neither. Never SelectNext: that one is settled here. Other errors of the port (a reader
    that broke, say) pass through, for they are not the card's.
    """
    if transaction.amount.currency.numeric != config.currency:
        raise ConfigurationError(
            f"This till charges in currency {config.currency},"
            f" not in {transaction.amount.currency.code}."
        )
    allowed = allowed_combinations(config, transaction)
    if not allowed:
        return TryAnotherInterface("the amount is not payable contactless at this till")
    bounded = card if timer is None else WithinDeadline(card, timer)
    try:
        return _first_that_works(bounded, allowed, config, transaction, timer)
    # Book C-2, 3.1: an error of the first layer, a time-out among them, is one more try.
    except CardGoneError:
        return TryAgain("the card left the field too early")
    except CardTooSlowError:
        return TryAgain("the card took too long")


def allowed_combinations(
    config: TerminalConfig, transaction: Transaction
) -> tuple[Combination, ...]:
    """The combinations that may take this amount (Book B, 3.1.1.1 to 3.1.1.4).

    The higher of the two ceilings counts here; which of them binds is known after the AIP.
    """
    amount = transaction.amount.minor
    return tuple(
        combination
        for combination in config.combinations
        if 0
        < amount
        < max(combination.limits.transaction, combination.limits.transaction_on_device)
    )


def candidates(
    entries: Sequence[DirectoryEntry], combinations: Sequence[Combination]
) -> list[Candidate]:
    """The applications that both sides know, best first (Book B, 3.3.2.5 to 3.3.3.2)."""
    known = [
        Candidate(entry, combination)
        for entry in entries
        for combination in combinations
        if entry.adf_name.startswith(combination.aid)
        and entry.kernel_id in (0, combination.kernel_id)
    ]
    return sorted(known, key=lambda candidate: candidate.entry.rank)


def _first_that_works(
    card: Card,
    allowed: Sequence[Combination],
    config: TerminalConfig,
    transaction: Transaction,
    timer: Timer | None,
) -> Outcome:
    reason = "the card has no application that this till accepts"
    try:
        answer = dialogue.select(card, PPSE)
        entries = fci.directory(answer.data) if answer.ok else ()
    except DecodeError as error:
        return EndApplication(f"the directory of the card is malformed ({error})")
    for candidate in candidates(entries, allowed):
        outcome = _start(card, candidate, Setup(config, candidate.combination, transaction), timer)
        if not isinstance(outcome, SelectNext):
            return outcome
        reason = outcome.reason
    return EndApplication(reason)


def _start(card: Card, candidate: Candidate, setup: Setup, timer: Timer | None) -> Outcome:
    """SELECT one candidate and hand it to the kernel (Book B, 3.3.3.4 and 3.4.1)."""
    try:
        answer = dialogue.select(card, candidate.name)
        if not answer.ok:
            return SelectNext(f"the application refused SELECT: {status.meaning(answer.sw)}")
        selected = fci.application(answer.data)
    except DecodeError as error:
        return SelectNext(f"the answer to SELECT is malformed ({error})")
    if not selected.df_name.startswith(candidate.entry.adf_name):
        return SelectNext("the card selected another application than the one asked for")
    return kernel.run(card, setup, selected, timer)
