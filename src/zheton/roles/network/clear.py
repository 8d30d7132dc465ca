"""Clearing: an acquirer's file goes in; files for the issuers and a settlement report come out.

Here the one-time number becomes the card number once more, and the same debit is never cleared
twice. What was decided of each record is kept, so that a file that comes again, after a crash or
by mistake, leads to the same files and the same report; another file under its name is refused.
"""

import hmac
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from zheton.core.clearing import (
    ClearingFile,
    Presentment,
    Rejection,
    SettlementReport,
    net_positions,
)
from zheton.core.decline import Decline, Reason
from zheton.core.errors import ConflictError

DebitKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class ResolvedCard:
    """Whose card a one-time number stands for. `issuer` is the id under which that bank settles.

    `expiry` (YYMM) is the card's; `par` replaces what the acquirer sent where it is not empty.
    """

    pan: str = field(repr=False)
    expiry: str
    issuer: str
    par: str = ""


Resolve = Callable[[Presentment], ResolvedCard | Decline]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one record: cleared to `issuer`, or, where that is empty, why it was not."""

    record: int
    acquirer: str
    retrieval_reference: str
    processing_code: str
    issuer: str
    decline: Decline | None

    @property
    def key(self) -> DebitKey:
        """What two presentments of one debit have in common."""
        return (self.acquirer, self.retrieval_reference, self.processing_code)


@dataclass(frozen=True, slots=True)
class FileVerdicts:
    """What became of a file, and the fingerprint of what it held."""

    fingerprint: bytes
    verdicts: Sequence[Verdict]


class ClearingTransaction(Protocol):
    """Single operations within one transaction."""

    def file(self, file_id: str) -> FileVerdicts | None:
        """What became of a file, in the order of its records; None if it never came."""
        ...

    def cleared(self, keys: Collection[DebitKey]) -> Collection[DebitKey]:
        """Which of these debits were cleared, by any file."""
        ...

    def add_file(self, file_id: str, verdicts: FileVerdicts) -> None:
        """Keep a file's verdicts; ConflictError if the file or one of its debits is there."""
        ...


class ClearingStore(Protocol):
    """Where the network remembers what it cleared."""

    def transaction(self) -> AbstractContextManager[ClearingTransaction]:
        """A transaction: durable when the block has ended, undone if it raises."""
        ...


@dataclass(frozen=True, slots=True)
class Cleared:
    """A file for each issuer by its id, the report, and whether the file had come before."""

    outgoing: Mapping[str, ClearingFile]
    report: SettlementReport
    repeated: bool


def clear(file: ClearingFile, resolve: Resolve, store: ClearingStore) -> Cleared:
    """Clear an acquirer's file. Its outgoing parts keep its name and hold card numbers.

    ConflictError, and nothing is kept, if another file came under this name before, or if a
    number that cleared before does not resolve any more. `resolve` is called for each record,
    outside the store's transaction.
    """
    cards = [resolve(presentment) for presentment in file.presentments]
    fingerprint = _fingerprint(file)
    with store.transaction() as transaction:
        known = transaction.file(file.id)
        if known is None:
            known = FileVerdicts(fingerprint, _judge(file, cards, transaction))
            transaction.add_file(file.id, known)
            repeated = False
        elif not hmac.compare_digest(known.fingerprint, fingerprint):
            raise ConflictError(
                f"Another clearing file came as {file.id} before; send this one under the "
                "next sequence number."
            )
        else:
            repeated = True
    outgoing = _outgoing(file, cards, known.verdicts)
    cleared = [(p, issuer) for issuer, part in outgoing.items() for p in part.presentments]
    rejections = tuple(
        Rejection(v.record, v.retrieval_reference, v.decline) for v in known.verdicts if v.decline
    )
    report = SettlementReport(
        file.id, file.business_date, len(cleared), rejections, net_positions(cleared)
    )
    return Cleared(outgoing, report, repeated)


def _judge(
    file: ClearingFile, cards: Sequence[ResolvedCard | Decline], transaction: ClearingTransaction
) -> list[Verdict]:
    taken = set(transaction.cleared([_key(p) for p in file.presentments]))
    verdicts = []
    for record, (presentment, card) in enumerate(zip(file.presentments, cards, strict=True), 1):
        key = _key(presentment)
        decline: Decline | None = None
        if presentment.acquirer_id != file.sender:
            decline = Decline(Reason.FORMAT, "The record is not of the acquirer that sent it.")
        elif isinstance(card, Decline):
            decline = card
        elif key in taken:
            decline = Decline(Reason.REPLAY, "The debit was presented before.")
        else:
            taken.add(key)
        issuer = card.issuer if isinstance(card, ResolvedCard) and decline is None else ""
        verdicts.append(Verdict(record, *key, issuer, decline))
    return verdicts


def _outgoing(
    file: ClearingFile, cards: Sequence[ResolvedCard | Decline], verdicts: Sequence[Verdict]
) -> dict[str, ClearingFile]:
    parts: defaultdict[str, list[Presentment]] = defaultdict(list)
    for verdict, presentment, card in zip(verdicts, file.presentments, cards, strict=True):
        if not verdict.issuer:
            continue
        if not isinstance(card, ResolvedCard) or card.issuer != verdict.issuer:
            raise ConflictError(
                f"Record {verdict.record} of {file.id} was cleared before, and its number does "
                "not lead to the same bank any more; look into the vault's history of it."
            )
        par = card.par or presentment.par
        shown = replace(presentment, number=card.pan, expiry=card.expiry, par=par)
        parts[verdict.issuer].append(shown)
    return {issuer: replace(file, presentments=tuple(part)) for issuer, part in parts.items()}


def _key(presentment: Presentment) -> DebitKey:
    return (
        presentment.acquirer_id,
        presentment.retrieval_reference,
        presentment.processing_code,
    )


def _fingerprint(file: ClearingFile) -> bytes:
    # The representation of a presentment holds everything but its number.
    lines = "\n".join(f"{p.number} {p!r}" for p in file.presentments)
    return hmac.digest(file.id.encode("ascii"), lines.encode("utf-8"), "sha256")
