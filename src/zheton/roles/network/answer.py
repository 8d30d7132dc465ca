"""The messages that the network sends: answers to acquirers, requests and reversals to issuers."""

import re

from zheton.core.country import country
from zheton.core.debit import Advice, Debit, DebitState, Journalled, RevealedCard
from zheton.core.decline import RESPONSE_CODE, Reason
from zheton.core.emv import tags, tlv
from zheton.core.iso8583 import subelements
from zheton.core.iso8583.content import Value
from zheton.core.iso8583.match import Original, response_mti
from zheton.core.iso8583.message import Message

NETWORK_ID = "900001"  # DE33
TOKENISATION_TERMINAL = "TOKENISE"  # DE41 of messages that no till sent
NO_CURRENCY = "643"  # DE49 is mandatory; the amount beside it is zero
_ECHOED = (2, 3, 4, 7, 11, 32, 37, 41, 49)
_ANSWERED_ALIKE = (2, 3, 4, 7, 11, 37, 49)
_RESPONSE_CODE = re.compile("[0-9A-Z]{2}").fullmatch  # DE39, an 2
# What the issuer gets as the acquirer sent it. A list of what goes on, and none of what does not:
# an element that nobody thought of must not carry the number, its proof or a track past the vault.
_FORWARDED = (3, 4, 7, 11, 12, 13, 18, 19, 22, 23, 25, 32, 37, 41, 42, 43, 49)


def answer(
    request: Message,
    response_code: str,
    *,
    auth_code: str = "",
    par: str = "",
    issuer_authentication_data: bytes = b"",
) -> Message:
    """The response to an acquirer: what it sent echoed, and never a card number."""
    fields = {number: request[number] for number in _ECHOED if number in request}
    fields[39] = response_code
    if auth_code:
        fields[38] = auth_code
    if par:
        fields[56] = par
    if issuer_authentication_data:
        fields[55] = tlv.encode(tags.ISSUER_AUTHENTICATION_DATA, issuer_authentication_data)
    return Message(response_mti(request.mti), fields)


def answers(response: Message, request: Message) -> bool:
    """Whether an issuer's response decides this request.

    One of another card, amount or time does not, nor one without a response code that could be
    journalled and told to acquirers and owners.
    """
    return (
        response.mti == response_mti(request.mti)
        and _RESPONSE_CODE(response.text(39)) is not None
        and all(response.get(number) == request.get(number) for number in _ANSWERED_ALIKE)
    )


def stored_answer(request: Message, line: Journalled) -> Message:
    """The answer of a debit that has an outcome, for its request and every repeat of it."""
    if line.state in (DebitState.REVERSED, DebitState.BLOCKED):
        return answer(request, RESPONSE_CODE[Reason.REVERSED])
    return answer(
        request,
        line.response_code,
        auth_code=line.auth_code,
        par=line.par,
        issuer_authentication_data=line.issuer_authentication_data,
    )


def issuer_request(
    request: Message, debit: Debit, card: RevealedCard, par: str, requestor: str
) -> Message:
    """The 0100 for the issuer: the card instead of the number, and what the number was."""
    forwarded = {number: request[number] for number in _FORWARDED if number in request}
    return Message(
        "0100",
        {
            **forwarded,
            2: card.pan.reveal(),
            14: card.expiry,
            33: NETWORK_ID,
            48: subelements.encode({"33": debit.number + debit.expiry + requestor}),
            56: par,
        },
    )


def tokenisation(message: Message) -> Message:
    """A tokenisation message of the token service with what the network adds for issuers."""
    return message.with_fields(
        {32: NETWORK_ID, 33: NETWORK_ID, 41: TOKENISATION_TERMINAL, 49: NO_CURRENCY}
    )


def issuer_advice(line: Journalled, card: RevealedCard) -> Message:
    """The 0120 that tells an issuer what was approved for it, made from the journal alone.

    Its elements are those of the 0100 that the issuer has not answered, so that it knows the debit
    if it has it all the same; once it was sent before, it is a repeat (0121).
    """
    return Message(
        "0120" if line.advice is Advice.DUE else "0121",
        {
            **_named(line, card),
            14: card.expiry,
            18: line.place.category,
            19: country(line.place.country).numeric,
            38: line.auth_code,
            39: line.response_code,
            56: line.par,
        },
    )


def issuer_reversal(line: Journalled, card: RevealedCard) -> Message:
    """The 0400 that undoes a debit at its issuer, made from the journal alone."""
    return Message("0400", _named(line, card))


def _named(line: Journalled, card: RevealedCard) -> dict[int, Value]:
    """What says to an issuer which of its debits is meant."""
    original = Original("0100", line.stan, line.transmitted, line.place.acquirer, NETWORK_ID)
    return {
        2: card.pan.reveal(),
        3: "000000",
        4: f"{line.amount.minor:012d}",
        7: line.transmitted,
        11: line.stan,
        32: line.place.acquirer,
        33: NETWORK_ID,
        37: line.retrieval_reference,
        41: line.place.terminal.ljust(8),
        42: line.place.merchant.ljust(15),
        49: line.amount.currency.numeric,
        90: original.encode(),
    }
