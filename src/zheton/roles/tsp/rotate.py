"""Bringing all cards to the newest data key or index key, while the vault is at work.

A pass walks the cards in groups. A group is read without a lock, noted in the detokenisation log,
opened and sealed outside any transaction, and written in one short transaction, each row on
condition that nobody changed it meanwhile. Nothing is remembered between groups: whoever stops in
the middle begins again and skips what is done.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from zheton.core.errors import VerificationError
from zheton.core.token.audit.entry import Purpose, Resolution, unix_ms
from zheton.core.token.batch import BUCKETS
from zheton.core.token.lifecycle import CardStatus
from zheton.core.token.pan import Pan
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


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a pass needs of the world; `who` is for the detokenisation log."""

    keys: Keys
    vault: Vault
    who: str
    now: Callable[[], datetime]


def reseal_cards(on: Rotation) -> Iterator[Progress]:
    """One pass that seals card numbers under the newest data key, a group a step."""

    def reseal(cards: Sequence[Card]) -> _Done:
        newest = on.keys.data_key_version()
        older = [c for c in cards if c.sealed_pan and c.pan_key_version != newest]
        resealed = [
            (card, *on.keys.seal_pan(pan, card.bucket, card.id))
            for card, pan in _opened(on, older, newest)
        ]
        if not resealed:
            return _Done(0, len(older))
        with on.vault.transaction() as tx:
            changed = sum(tx.reseal_card(*each) for each in resealed)
        return _Done(changed, len(older) - changed)

    return _pass(on.vault, reseal)


def reindex_cards(on: Rotation) -> Iterator[Progress]:
    """One pass that puts cards under the newest index key, a group a step.

    Until it is done a card is looked up under every index key (`Keys.pan_indexes`). Under which
    one a card is cannot be seen without its number, so every pass opens all of them.
    """

    def reindex(cards: Sequence[Card]) -> _Done:
        versions = on.keys.index_key_versions()
        if len(versions) == 1:
            return _Done()  # nothing could be under another, so no card is opened
        indexed = [card for card in cards if card.status is not CardStatus.DELETED]
        opened = _opened(on, indexed, versions[0])
        left = len(indexed) - len(opened)
        if not opened:
            return _Done(0, left)
        with on.vault.transaction() as tx:
            moved = 0
            for card, pan in opened:
                new, *old = on.keys.pan_indexes(pan)
                moved += tx.move_index(card, old, new)
        return _Done(moved, left)

    return _pass(on.vault, reindex)


def _opened(on: Rotation, cards: Sequence[Card], version: int) -> list[tuple[Card, Pan]]:
    """The numbers of cards, each opened after its entry in the log is durable.

    An entry of the log names the version of the key for which the card was opened. A damaged row
    is left out: it must not keep the others under the old key.
    """
    if not cards:
        return []
    at_ms, reference = unix_ms(on.now()), f"{version:032x}"
    with on.vault.transaction() as tx:
        tx.log([Resolution(at_ms, on.who, Purpose.ROTATION, reference, card.id) for card in cards])
    opened = []
    for card in cards:
        with suppress(VerificationError):
            pan = on.keys.open_pan(card.pan_key_version, card.sealed_pan, card.bucket, card.id)
            opened.append((card, pan))
    return opened


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
