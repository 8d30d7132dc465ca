"""A request with an idempotency key has its effect once, however often it comes.

What is kept is written in the same transaction as the effect, so that there is never one without
the other. A request that came to nothing, because of an error, may be made anew under its key; a
decline is an answer, and is kept like any other.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from zheton.core.errors import ConflictError, EncodeError, ZhetonError
from zheton.roles.tsp.lease import leasing
from zheton.roles.tsp.ports import Vault, VaultTx
from zheton.roles.tsp.state import Once

KEPT_FOR = timedelta(hours=24)
UNDER_WAY_MAX = timedelta(seconds=60)  # longer than an issuer is waited for, several times over
ANSWER_CHARACTERS_MAX = 65_536
FORGOTTEN_MAX = 500  # what one run of background work takes up

Keep = Callable[[VaultTx, str], None]


def at_once(
    vault: Vault, once: Once | None, now: datetime, work: Callable[[VaultTx], str]
) -> tuple[str, bool]:
    """The answer of work that needs one transaction, and whether it was kept from before.

    The work may lease (`leasing`), and is then done again where the transaction left nothing.

    EncodeError where the key came with another request, ConflictError where it is under way.
    """

    def together(tx: VaultTx) -> tuple[str, bool]:
        if once is not None and not tx.claim_answer(once, now):
            return _kept(tx, once), True
        answer = work(tx)
        _keeping(once, now)(tx, answer)
        return answer, False

    return leasing(vault, together)


def in_steps(
    vault: Vault, once: Once | None, now: datetime, work: Callable[[Keep], str]
) -> tuple[str, bool]:
    """The same for work that makes transactions of its own.

    It calls what it is given in the one that has the effect; where it has none, its answer is kept
    afterwards.
    """
    if once is None:
        return work(_keeping(None, now)), False
    with vault.transaction() as tx:
        if not tx.claim_answer(once, now):
            return _kept(tx, once), True
    kept: list[str] = []

    def keep(tx: VaultTx, answer: str) -> None:
        _keeping(once, now)(tx, answer)
        kept.append(answer)

    try:
        answer = work(keep)
        if not kept:
            with vault.transaction() as tx:
                keep(tx, answer)
    except ZhetonError:
        if not kept:
            with suppress(ZhetonError), vault.transaction() as tx:
                tx.release_answer(once)
        raise
    return answer, False


def forget_answers(vault: Vault, now: datetime) -> int:
    """Forget answers whose time is over, a bounded number of them; how many."""
    with vault.transaction() as tx:
        return tx.forget_answers(now, FORGOTTEN_MAX)


def _kept(tx: VaultTx, once: Once) -> str:
    found = tx.kept_answer(once)
    if found is None:
        raise ConflictError("This request ended at the same moment; send it again.")
    if found.mac != once.mac:
        raise EncodeError("the key came before with another request", field="Idempotency-Key")
    if not found.done:
        raise ConflictError("This request is under way; ask again for its answer.")
    return found.answer


def _keeping(once: Once | None, now: datetime) -> Keep:
    def keep(tx: VaultTx, answer: str) -> None:
        if once is None:
            return
        if len(answer) > ANSWER_CHARACTERS_MAX:
            raise ConflictError("The answer is too long to be kept; ask without a key.")
        if not tx.keep_answer(once, answer, now + KEPT_FOR):
            raise ConflictError("The request took too long, and another has taken it up.")

    return keep
