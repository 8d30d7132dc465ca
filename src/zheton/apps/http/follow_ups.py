"""The acquirer's door for what follows a sale: raise, complete, lower, refund; and look one up.

Each wish has a reference of the shop's own; the same one again gets what the first got.
"""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from zheton.apps.http.fields import Answer, Body, CurrencyCode
from zheton.apps.nodes.acquirer import AcquirerNode
from zheton.core.errors import NotFoundError
from zheton.core.follow_up import FollowUpKind
from zheton.core.money import AMOUNT_MINOR_MAX, Money, currency
from zheton.roles.acquirer.follow_up import FollowUp, Wish
from zheton.roles.acquirer.ports import AcquirerStore
from zheton.roles.acquirer.state import Status

Reference = Annotated[str, Path(pattern=r"^[0-9A-Z]{12}$", description="DE37 of the sale")]
_SHOPS = r"^[0-9A-Za-z._-]{1,32}$"
_TEXT = {
    Status.SENT: "Not confirmed yet; it is repeated until it is.",
    Status.APPROVED: "Approved.",
    Status.REVERSAL_DUE: "Nothing is changed: it is being taken back.",
    Status.REVERSING: "Nothing is changed: it is being taken back.",
    Status.REVERSED: "Nothing is changed: it was taken back.",
}


class WishBody(Body):
    """An amount, and the shop's own name for this wish."""

    reference: Annotated[str, Field(pattern=_SHOPS, description="the shop's own, once a sale")]
    amount_minor: Annotated[int, Field(gt=0, le=AMOUNT_MINOR_MAX)]
    currency: CurrencyCode

    def wish(self, kind: FollowUpKind) -> Wish:
        """This wish; ConfigurationError for a currency that is not known."""
        return Wish(kind, self.reference, Money(self.amount_minor, currency(self.currency)))


class FollowUpAnswer(Answer):
    """A wish as the journal has it."""

    rrn: str
    reference: str
    kind: FollowUpKind
    amount_minor: int
    currency: str
    approved: bool
    status: Status
    response_code: str
    auth_code: str
    text: str


def follow_up_routes(node: AcquirerNode) -> APIRouter:
    """The routes for one running acquirer."""
    routes = APIRouter(prefix="/v1")

    async def ask(rrn: str, body: WishBody, kind: FollowUpKind) -> FollowUpAnswer:
        return _answer(await node.follow_ups.ask(rrn, body.wish(kind)))

    @routes.post("/preauthorisations/{rrn}/increments")
    async def raise_hold(rrn: Reference, body: WishBody) -> FollowUpAnswer:
        """Hold so much more than is held."""
        return await ask(rrn, body, FollowUpKind.INCREMENT)

    @routes.post("/preauthorisations/{rrn}/completion")
    async def complete(rrn: Reference, body: WishBody) -> FollowUpAnswer:
        """Take so much of what is held, and release the rest; once."""
        return await ask(rrn, body, FollowUpKind.COMPLETION)

    @routes.post("/sales/{rrn}/partial-reversals")
    async def lower(rrn: Reference, body: WishBody) -> FollowUpAnswer:
        """Leave so much held of a sale or preauthorisation, and release the rest."""
        return await ask(rrn, body, FollowUpKind.PARTIAL_REVERSAL)

    @routes.post("/sales/{rrn}/refunds")
    async def refund(rrn: Reference, body: WishBody) -> FollowUpAnswer:
        """Give back so much of what has cleared; the next clearing file presents it."""
        return await ask(rrn, body, FollowUpKind.REFUND)

    @routes.get("/sales/{rrn}/follow-ups/{reference}")
    async def look_up(
        rrn: Reference, reference: Annotated[str, Path(pattern=_SHOPS)]
    ) -> FollowUpAnswer:
        """A wish by the shop's reference."""
        return _answer(await asyncio.to_thread(_find, node.store, rrn, reference))

    return routes


def _find(store: AcquirerStore, rrn: str, reference: str) -> FollowUp:
    with store.transaction() as transaction:
        line = transaction.follow_up(rrn, reference)
    if line is None:
        raise NotFoundError("No sale of this retrieval reference has this one.")
    return line


def _answer(line: FollowUp) -> FollowUpAnswer:
    refused = f"Declined (response code {line.response_code})."
    return FollowUpAnswer(
        rrn=line.rrn,
        reference=line.wish.reference,
        kind=line.wish.kind,
        amount_minor=line.wish.amount.minor,
        currency=line.wish.amount.currency.code,
        approved=line.status is Status.APPROVED,
        status=line.status,
        response_code=line.response_code,
        auth_code=line.auth_code,
        text=_TEXT.get(line.status, refused),
    )
