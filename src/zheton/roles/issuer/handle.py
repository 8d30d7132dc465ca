"""The issuer's door: a group of ISO 8583 requests in, their answers out, in one transaction."""

import hmac
from collections.abc import Sequence
from datetime import datetime

from zheton.core.clearing import PURCHASE
from zheton.core.decline import Decline, Reason
from zheton.core.iso8583.message import Message
from zheton.roles.issuer.advise import advise
from zheton.roles.issuer.authorise import increment, purchase, refund
from zheton.roles.issuer.book import Book, Touched
from zheton.roles.issuer.identify import (
    IDENTIFY_FIRST,
    Letter,
    deliver_code,
    may_tokenise,
    tokenised,
)
from zheton.roles.issuer.lower import complete, reverse_partially
from zheton.roles.issuer.ports import IssuerStore, Messenger
from zheton.roles.issuer.request import Request, advice_id, answer, read
from zheton.roles.issuer.reverse import reverse
from zheton.roles.issuer.state import Answered, Bank, RequestKind

APPROVED = "00"
_WITHOUT_CODE = (
    RequestKind.REVERSAL,
    RequestKind.PARTIAL_REVERSAL,
    RequestKind.COMPLETION,
    RequestKind.ADVICE,
)
# What was noted for an original that had not come: whatever it asks, this is its answer.
_FORESTALLED = (RequestKind.OVERTAKEN, RequestKind.ADVISED)


def handle(
    group: Sequence[Message], bank: Bank, store: IssuerStore, messenger: Messenger, now: datetime
) -> list[Message]:
    """Answers to 0100, 0120, 0220 and 0400, in their order; all of them are durable on return.

    `now` is aware and in UTC. A repeat gets the answer that the first got and moves no money. A
    request that makes no sense is answered 30 and leaves no trace. Messages to cardholders go out
    after the commit.
    """
    requests = [read(message, bank) for message in group]
    letters: list[Letter] = []
    with store.transaction() as transaction:
        book = Book(transaction, _touched(requests))
        answers = [
            _answer(book, message, request, bank, letters, now)
            for message, request in zip(group, requests, strict=True)
        ]
        transaction.apply(book.changes())
    for letter in letters:
        messenger.send(letter.phone, letter.text)
    return answers


def _touched(requests: Sequence[Request | Decline]) -> Touched:
    known = [r for r in requests if isinstance(r, Request)]
    return Touched(
        pan_indexes={r.pan_index for r in known},
        requests={r.id for r in known}
        | {
            name
            for r in known
            if r.original_id
            for name in (r.original_id, advice_id(r.original_id))
        },
        holds={(r.acquirer, r.retrieval_reference) for r in known},
        presented={
            (r.acquirer, r.retrieval_reference, PURCHASE)
            for r in known
            if r.kind is RequestKind.ADVICE
        },
    )


def _answer(
    book: Book,
    message: Message,
    request: Request | Decline,
    bank: Bank,
    letters: list[Letter],
    now: datetime,
) -> Message:
    if isinstance(request, Decline):
        return answer(message, request.response_code, "", "")
    answered = book.answered(request.id)
    if answered is None:
        answered = _decide(book, request, bank, letters, now)
        book.answer(answered)
    elif answered.kind not in _FORESTALLED and not hmac.compare_digest(
        answered.digest, request.digest
    ):
        changed = Decline(Reason.CHANGED_REPEAT, "A repeat asks for something else.")
        return answer(message, changed.response_code, "", "")
    return answer(message, answered.response_code, answered.authorisation, answered.delivery)


def _decide(
    book: Book, request: Request, bank: Bank, letters: list[Letter], now: datetime
) -> Answered:
    outcome = _verb(book, request, bank, now)
    account = book.account(request.pan_index)
    code, authorisation, delivery = APPROVED, "", ""
    if isinstance(outcome, Decline):
        code = outcome.response_code
    elif isinstance(outcome, Letter):
        letters.append(outcome)
    elif isinstance(outcome, str):
        code, delivery = IDENTIFY_FIRST, outcome
    elif request.kind not in _WITHOUT_CODE:
        authorisation = _authorisation(bank, request)
    owner = account.id if account else ""
    return Answered(
        request.id,
        request.kind,
        request.digest,
        owner,
        code,
        authorisation,
        delivery,
        request.amount.minor,
    )


def _verb(book: Book, request: Request, bank: Bank, now: datetime) -> Decline | Letter | str | None:
    match request.kind:
        case RequestKind.PURCHASE:
            return purchase(book, request, bank.rates, now)
        case RequestKind.INCREMENT:
            return increment(book, request, bank.rates, now)
        case RequestKind.COMPLETION:
            return complete(book, request, now)
        case RequestKind.PARTIAL_REVERSAL:
            return reverse_partially(book, request, now)
        case RequestKind.REFUND:
            return refund(book, request, now)
        case RequestKind.MAY_TOKENISE:
            return may_tokenise(book, request, now)
        case RequestKind.DELIVER_CODE:
            return deliver_code(book, request, bank.name, now)
        case RequestKind.TOKENISED:
            return tokenised(book, request, bank.name)
        case RequestKind.ADVICE:
            return advise(book, request, bank.rates, now)
        case _:
            return reverse(book, request, now)


def _authorisation(bank: Bank, request: Request) -> str:
    # DE38 is derived and not drawn, so that the same request gets the same one in any replay.
    tag = hmac.digest(bank.index_key, b"DE38/" + request.id.encode("ascii"), "sha256")
    return f"{int.from_bytes(tag[:8]) % 10**6:06d}"
