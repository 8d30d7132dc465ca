"""Bringing all cards to the newest data key or index key, while the vault is at work.

A pass walks the cards in groups. A group is read without a lock, opened and sealed outside any
transaction, and written in one short transaction, each row on condition that nobody changed it
meanwhile. Nothing is remembered between groups: whoever stops in the middle begins again and skips
what is done.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from zheton.core.errors import VerificationError
from zheton.core.token.batch import BUCKETS
from zheton.roles.tsp.ports import Keys, Vault
from zheton.roles.tsp.state import Card

GROUP_MAX = 100  # a debit waits for one group at most


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pass has come: cards seen and brought to the newest key, and those that were not.

    `left` are cards that somebody changed at the same moment, or whose number does not open.
    """

    seen: int
    changed: int
    left: int
    total: int


@dataclass(frozen=True, slots=True)
class _Done:
    changed: int = 0
    left: int = 0


def reseal_cards(keys: Keys, vault: Vault) -> Iterator[Progress]:
    """One pass that seals card numbers under the newest data key, a group a step."""

    def reseal(cards: Sequence[Card]) -> _Done:
        newest = keys.data_key_version()
        older = [card for card in cards if card.pan_key_version != newest]
        resealed = []
        for card in older:
            try:
                pan = keys.open_pan(card.pan_key_version, card.sealed_pan, card.bucket, card.id)
            except VerificationError:
                continue  # a damaged row must not keep the others under the old key
            resealed.append((card, *keys.seal_pan(pan, card.bucket, card.id)))
        if not resealed:
            return _Done(0, len(older))
        with vault.transaction() as tx:
            changed = sum(tx.reseal_card(*each) for each in resealed)
        return _Done(changed, len(older) - changed)

    return _pass(vault, reseal)


def reindex_cards(keys: Keys, vault: Vault) -> Iterator[Progress]:
    """One pass that puts cards under the newest index key, a group a step.

    Until it is done a card is looked up under every index key (`Keys.pan_indexes`).
    """

    def reindex(cards: Sequence[Card]) -> _Done:
        moves, left = [], 0
        for card in cards:
            try:
                pan = keys.open_pan(card.pan_key_version, card.sealed_pan, card.bucket, card.id)
            except VerificationError:
                left += 1
                continue
            new, *old = keys.pan_indexes(pan)
            if old:
                moves.append((card, old, new))
        if not moves:
            return _Done(0, left)
        with vault.transaction() as tx:
            return _Done(sum(tx.move_index(*move) for move in moves), left)

    return _pass(vault, reindex)


def _pass(vault: Vault, work: Callable[[Sequence[Card]], _Done]) -> Iterator[Progress]:
    progress = Progress(0, 0, 0, vault.count_cards())
    for bucket in range(BUCKETS):
        after = ""
        while cards := vault.cards_after(bucket, after, GROUP_MAX):
            after, done = cards[-1].id, work(cards)
            progress = Progress(
                progress.seen + len(cards),
                progress.changed + done.changed,
                progress.left + done.left,
                max(progress.total, progress.seen + len(cards)),
            )
            yield progress
    yield progress
