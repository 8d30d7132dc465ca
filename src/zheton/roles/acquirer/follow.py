"""Follow: from a shop's wish to a message about its sale, and from its answer to an outcome."""

from dataclasses import replace
from datetime import datetime

from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.iso8583.message import Message
from zheton.roles.acquirer import follow_up_request
from zheton.roles.acquirer.follow_up import TOLD, FollowUp, Wish, allow, applied
from zheton.roles.acquirer.ports import AcquirerStore, AcquirerTx
from zheton.roles.acquirer.reference import references
from zheton.roles.acquirer.sell import APPROVED, is_auth_code
from zheton.roles.acquirer.state import Cause, Record, Status

# The network could not decide: the issuer was away, or another message was under way.
_UNDECIDED = frozenset({"09", "91"})


def follow(
    rrn: str, wish: Wish, store: AcquirerStore, now: datetime
) -> tuple[FollowUp, Message | None]:
    """The journal line of a wish, and its message; none where this reference asked it before.

    The line stands as sent when this returns. NotFoundError if there is no such sale; ConflictError
    if it does not allow the wish, or if the reference named another wish before.
    """
    with store.transaction() as transaction:
        record = sale(transaction, rrn)
        known = transaction.follow_up(rrn, wish.reference)
        if known is not None:
            if known.wish != wish:
                raise ConflictError("This reference asked for something else of the sale before.")
            return known, None
        allow(record, wish, transaction.count_follow_ups(rrn, wish.kind))
        (named,) = references(transaction, 1, now)
        new = FollowUp(
            rrn=rrn,
            wish=wish,
            message_rrn=rrn if wish.kind in follow_up_request.UNDER_THE_SALES else named.rrn,
            held_minor=record.held.minor,
            stan=named.stan,
            transmitted=named.transmitted,
            sent_at=now,
            local_time=now.replace(tzinfo=None, microsecond=0),
        )
        transaction.add_follow_up(new)
        transaction.put([replace(record, under_way=wish.reference)])
    return new, follow_up_request.request(record, new, repeat=False)


def conclude(line: FollowUp, answer: Message | None, store: AcquirerStore) -> FollowUp:
    """Journal what came of a follow-up: an answer, or None where none came; its line after that.

    What was asked and got no trustworthy answer is to be reversed; what was told is told again.
    """
    with store.transaction() as transaction:
        record, known = sale(transaction, line.rrn), found(transaction, line)
        if known.status is not Status.SENT:
            return known
        after = _concluded(record, known, answer)
        settle(transaction, record, after)
    return after


def settle(transaction: AcquirerTx, record: Record, line: FollowUp) -> None:
    """Keep a line, and what it does to its sale where it has its outcome now."""
    transaction.put_follow_ups([line])
    if line.is_open:
        return
    changed = applied(record, line) if line.status is Status.APPROVED else record
    transaction.put([replace(changed, under_way="")])


def sale(transaction: AcquirerTx, rrn: str) -> Record:
    """The sale of a retrieval reference, locked; NotFoundError."""
    record = next(iter(transaction.find({rrn})), None)
    if record is None:
        raise NotFoundError(f"No sale has the retrieval reference {rrn}.")
    return record


def found(transaction: AcquirerTx, line: FollowUp) -> FollowUp:
    """A line as it stands now; NotFoundError."""
    known = transaction.follow_up(line.rrn, line.wish.reference)
    if known is None:
        raise NotFoundError("The journal has no such follow-up.")
    return known


def _concluded(record: Record, line: FollowUp, answer: Message | None) -> FollowUp:
    told = line.wish.kind in TOLD
    if answer is None or not follow_up_request.answers(answer, record, line):
        cause = Cause.NO_ANSWER if answer is None else Cause.ANSWER_DISAGREES
        return line if told else replace(line, status=Status.REVERSAL_DUE, cause=cause)
    code, auth_code = answer.text(39), answer.text(38)
    if told and code in _UNDECIDED:
        return line
    if code != APPROVED:
        return replace(line, status=Status.DECLINED, response_code=code)
    if not told and not is_auth_code(auth_code):
        return replace(line, status=Status.REVERSAL_DUE, cause=Cause.ANSWER_DISAGREES)
    return replace(line, status=Status.APPROVED, response_code=code, auth_code=auth_code)
