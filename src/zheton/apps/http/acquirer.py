"""The acquirer's door for tills and web shops: sell, hold, look up, take back, list the tills.

What comes holds one-time numbers, codes and chip data; what goes out holds none of them, and no
answer repeats what was sent. Endpoints are coroutines of the acquirer's own loop; its journal is
read in threads.
"""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from fastapi import FastAPI, Path
from pydantic import Discriminator, Field, Tag

from zheton.adapters.clock import SystemClock
from zheton.adapters.merchants_file import Merchants
from zheton.apps.http.door import door
from zheton.apps.http.fields import Answer, Body, CurrencyCode
from zheton.apps.http.follow_ups import follow_up_routes
from zheton.apps.nodes.acquirer import AcquirerNode, Sold
from zheton.core.errors import NotFoundError
from zheton.core.money import AMOUNT_MINOR_MAX, Money, currency
from zheton.core.token.domain import Channel
from zheton.roles.acquirer.ports import AcquirerStore
from zheton.roles.acquirer.reverse import cancel
from zheton.roles.acquirer.state import (
    CHIP_BYTES_MAX,
    ChipEntry,
    CodeEntry,
    Record,
    Sale,
    Status,
    Till,
)
from zheton.roles.acquirer.till_time import till_time

Reference = Annotated[str, Path(pattern=r"^[0-9A-Z]{12}$", description="DE37 of the sale")]
_TEXT = {
    Status.SENT: "The sale waits for its answer.",
    Status.APPROVED: "Approved.",
    Status.REVERSAL_DUE: "Nothing is charged: the sale is being taken back.",
    Status.REVERSING: "Nothing is charged: the sale is being taken back.",
    Status.REVERSED: "Nothing is charged: the sale was taken back.",
    Status.CLEARED: "Approved and presented for clearing.",
}


class SaleBody(Body):
    """What every sale has: where (DE41), how much, and the one-time number."""

    terminal: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,8}$")]
    amount_minor: Annotated[int, Field(gt=0, le=AMOUNT_MINOR_MAX)]
    currency: CurrencyCode
    number: Annotated[str, Field(pattern=r"^[0-9]{12,19}$")]
    expiry: Annotated[str, Field(pattern=r"^[0-9]{4}$", description="YYMM")]


class TillBody(SaleBody):
    """A sale at a till: what its terminal read of the card."""

    channel: Literal["till"]
    psn: Annotated[int, Field(ge=0, le=99)] | None = None
    track2: Annotated[str, Field(max_length=37, pattern=r"^[0-9]+=[0-9]*$")] | None = None
    chip: Annotated[
        str,
        Field(
            max_length=2 * CHIP_BYTES_MAX,
            pattern=r"^([0-9A-Fa-f]{2})+$",
            description="DE55 as hexadecimal digits",
        ),
    ]

    def entry(self) -> ChipEntry:
        """The entry of this sale."""
        chip = bytes.fromhex(self.chip)
        return ChipEntry(self.number, self.expiry, self.psn, self.track2, chip)


class OnlineBody(SaleBody):
    """A sale in a web shop: what its buyer typed."""

    channel: Literal["online"]
    code: Annotated[str, Field(pattern=r"^[0-9]{3,12}$")]

    def entry(self) -> CodeEntry:
        """The entry of this sale."""
        return CodeEntry(self.number, self.expiry, self.code)


def _channel(body: object) -> object:
    return body.get("channel") if isinstance(body, dict) else getattr(body, "channel", None)


# A function picks the kind, for only then is the refusal of a third one in our words: the
# framework's quote what came.
AnySale = Annotated[
    Annotated[TillBody, Tag("till")] | Annotated[OnlineBody, Tag("online")],
    Discriminator(
        _channel,
        custom_error_type="channel",
        custom_error_message="channel is till or online",
    ),
]


class SaleAnswer(Answer):
    """A sale as a till may know it; `approved` and `response_code` "00" are always together."""

    approved: bool
    response_code: str
    auth_code: str
    rrn: str
    text: str
    issuer_authentication_data: str | None
    par: str


class SaleState(Answer):
    """A sale as the journal has it; of the number the last four digits."""

    rrn: str
    status: Status
    approved: bool
    response_code: str
    auth_code: str
    text: str
    par: str
    terminal: str
    amount_minor: int
    currency: str
    number: str
    sent_at: datetime
    preauthorised: bool
    completed: bool
    held_minor: int
    refunded_minor: int


class TillAnswer(Answer):
    """One till or web shop."""

    name: str
    terminal: str
    merchant: str
    merchant_name: str
    city: str
    country: str
    category: str
    currency: str
    channel: Channel


def acquirer_app(node: AcquirerNode, merchants: Merchants) -> FastAPI:
    """The application for one running acquirer and its tills, to be served on the same loop."""
    app = door("Zheton acquirer")
    by_terminal = {till.terminal: till for till in merchants.tills.values()}
    clock = SystemClock()

    @app.post("/v1/sales")
    async def sell(body: AnySale) -> SaleAnswer:
        """Charge a one-time number; a sale that ends without an answer is taken back."""
        sale = _sale(body, by_terminal, clock.now())
        return _answer(await node.sell(sale))

    @app.post("/v1/preauthorisations")
    async def hold(body: AnySale) -> SaleAnswer:
        """Hold an amount of a one-time number, to be raised, lowered, and completed once."""
        sale = _sale(body, by_terminal, clock.now())
        return _answer(await node.sell(replace(sale, preauthorised=True)))

    @app.get("/v1/sales/{rrn}")
    async def look_up(rrn: Reference) -> SaleState:
        """A sale by its retrieval reference."""
        return _state(await asyncio.to_thread(_find, node.store, rrn))

    @app.post("/v1/sales/{rrn}/cancel")
    async def take_back(rrn: Reference) -> SaleState:
        """Take an approved sale back before it clears; its reversal goes out within seconds."""
        return _state(await asyncio.to_thread(cancel, rrn, node.store))

    @app.get("/v1/tills")
    async def tills() -> list[TillAnswer]:
        """The tills and web shops of this acquirer."""
        return [_till(name, till) for name, till in merchants.tills.items()]

    app.include_router(follow_up_routes(node))
    return app


def _sale(body: TillBody | OnlineBody, tills: dict[str, Till], now: datetime) -> Sale:
    till = tills.get(body.terminal)
    if till is None:
        raise NotFoundError("This acquirer has no till of this terminal id (DE41).")
    amount = Money(body.amount_minor, currency(body.currency))
    if isinstance(body, TillBody):
        entry = body.entry()
        return Sale(till, amount, entry, till_time(entry.chip, now))
    return Sale(till, amount, body.entry(), now.replace(microsecond=0, tzinfo=None))


def _answer(sold: Sold) -> SaleAnswer:
    record = sold.record
    # An answer that was not believed has nothing to say to the card either.
    believed = record.status in (Status.APPROVED, Status.DECLINED)
    chip = sold.issuer_authentication_data if believed else b""
    return SaleAnswer(
        approved=sold.approved,
        response_code=record.response_code,
        auth_code=record.auth_code,
        rrn=record.rrn,
        text=_text(record),
        issuer_authentication_data=chip.hex() or None,
        par=record.par,
    )


def _state(record: Record) -> SaleState:
    return SaleState(
        rrn=record.rrn,
        status=record.status,
        approved=record.status in (Status.APPROVED, Status.CLEARED),
        response_code=record.response_code,
        auth_code=record.auth_code,
        text=_text(record),
        par=record.par,
        terminal=record.acceptor.terminal,
        amount_minor=record.amount.minor,
        currency=record.amount.currency.code,
        number=record.masked_number,
        sent_at=record.sent_at,
        preauthorised=record.preauthorised,
        completed=record.completed,
        held_minor=record.held.minor,
        refunded_minor=record.refunded_minor,
    )


def _text(record: Record) -> str:
    return _TEXT.get(record.status, f"Declined (response code {record.response_code}).")


def _find(store: AcquirerStore, rrn: str) -> Record:
    with store.transaction() as transaction:
        record = next(iter(transaction.find({rrn})), None)
    if record is None:
        raise NotFoundError("No sale has this retrieval reference.")
    return record


def _till(name: str, till: Till) -> TillAnswer:
    shop = till.merchant
    return TillAnswer(
        name=name,
        terminal=till.terminal,
        merchant=shop.id,
        merchant_name=shop.name,
        city=shop.city,
        country=shop.country.alpha2,
        category=shop.category,
        currency=shop.currency.code,
        channel=till.channel,
    )
