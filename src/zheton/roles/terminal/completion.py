"""Completion: what the issuer's answer makes of an online request (Contactless Book A, 6.2.1).

There is no second tap: the card has long left the field when the answer comes, so the issuer's
authentication data are kept with the outcome and not sent to the card.
"""

from zheton.roles.terminal.outcome import Approved, Declined, Message, OnlineRequest

APPROVED = "00"


def complete(
    request: OnlineRequest,
    response_code: str | None,
    issuer_authentication_data: bytes | None = None,
) -> Approved | Declined:
    """The final outcome by DE39 of the answer; None if none came, which is a decline here.

    Without an answer a till could take the risk itself (TAC default), but only for a card that it
    authenticated offline.
    """
    if response_code is None:
        return Declined(request.sale, "the issuer could not be asked")
    if response_code != APPROVED:
        return Declined(request.sale, f"the issuer declined (response code {response_code[:2]})")
    message = Message.APPROVED_SIGN if request.sale.signature else Message.APPROVED
    return Approved(request.sale, "the issuer approved", issuer_authentication_data, message)
