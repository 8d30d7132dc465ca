"""What the console asks of the lab: its cards and merchants, new cards, debits and history."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from zheton.apps.lab.debit import DebitRun, Emit, Told, Wish
from zheton.apps.lab.lab import Lab
from zheton.apps.lab.people import GUEST, Holding, People
from zheton.core.errors import ConflictError, NotFoundError, RefusedError
from zheton.core.money import BY_CODE, money
from zheton.core.token.domain import Channel

PUSHES_MAX = 100
LISTENERS_MAX = 16


class Front:
    """One lab with its people, as the console shows them."""

    def __init__(self, lab: Lab, people: People) -> None:
        self.lab, self.people = lab, people
        self._run = DebitRun(lab)
        self._listeners: set[asyncio.Queue[dict[str, Any]]] = set()

    async def describe(self) -> dict[str, Any]:
        """Cards, countries with their merchants, and the band of the first card's owner."""
        holdings = await self.people.holdings()
        return {
            "cards": [_card(holding) for holding in holdings],
            "countries": self._countries(),
            "band": self._band(holdings),
        }

    async def add_card(self, jwe: str, region: str, title: str) -> dict[str, Any]:
        """Enrol a sealed card on the guest's phone; RefusedError with the reason if it may not."""
        phone = await asyncio.to_thread(self.people.phone, GUEST)
        card = await asyncio.to_thread(phone.add_card, jwe, region, title)
        if card["status"] == "active":
            await self._fill(Holding(phone, card))
        state = "activation" if card["status"] == "identifying" else card["status"]
        return {"id": card["id"], "state": state, "delivery": card["delivery"]}

    async def activate(self, card: str, code: str) -> None:
        """Type the code; then the band is filled, so that the card can pay."""
        holding = await self.people.holding(card)
        await asyncio.to_thread(holding.phone.verify, card, code)
        await self._fill(holding)

    async def history(self, card: str) -> list[dict[str, Any]]:
        """The card's debits, newest first."""
        holding = await self.people.holding(card)
        debits = await asyncio.to_thread(holding.phone.history, card)
        return [_debit(debit) for debit in debits]

    async def wish(self, card: str, merchant: str, amount: str) -> Wish:
        """A debit that can be tried; NotFoundError, ConfigurationError if it makes no sense."""
        till = next(
            (t for t in self.lab.merchants.tills.values() if t.merchant.id == merchant), None
        )
        if till is None:
            raise NotFoundError("There is no such merchant in the lab; reload the page.")
        wanted = money(amount, till.merchant.currency.code)
        return Wish(await self.people.holding(card), till, wanted)

    async def debit(self, wish: Wish, emit: Emit) -> Told:
        """The debit; then the band is filled again if it needs to be, and listeners hear of it."""
        if wish.till.channel is Channel.TILL:
            await asyncio.to_thread(wish.holding.phone.fill, wish.holding.card)
        told = await self._run(wish, emit)
        for listener in self._listeners:
            if not listener.full():
                listener.put_nowait({"kind": "debit", "card": wish.holding.card["id"]})
        return told

    def pushes(self) -> AsyncIterator[dict[str, Any]]:
        """A note whenever a debit has happened, until the listener goes."""
        if len(self._listeners) >= LISTENERS_MAX:
            raise ConflictError("Too many pages are open; close some.")
        return self._pushes()

    async def _fill(self, holding: Holding) -> None:
        """Fill the band, unless policy has the card for web shops alone."""
        with suppress(RefusedError):
            await asyncio.to_thread(holding.phone.fill, holding.card)

    async def _pushes(self) -> AsyncIterator[dict[str, Any]]:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(PUSHES_MAX)
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)

    def _countries(self) -> list[dict[str, Any]]:
        countries: dict[str, dict[str, Any]] = {}
        for till in self.lab.merchants.tills.values():
            shop = till.merchant
            entry = countries.setdefault(
                shop.country.alpha2,
                {
                    "code": shop.country.alpha2,
                    "name": shop.country.name,
                    "currency": shop.currency.code,
                    "exponent": BY_CODE[shop.currency.code].exponent,
                    "merchants": [],
                },
            )
            entry["merchants"].append(
                {"id": shop.id, "name": shop.name, "city": shop.city, "channel": till.channel.value}
            )
        return list(countries.values())

    def _band(self, holdings: list[Holding]) -> dict[str, Any]:
        if not holdings:
            return {"name": "Band", "armed": False, "credentials_left": 0, "card_title": ""}
        first = holdings[0]
        status = first.phone.band.element.status(self.lab.clock.now())
        return {
            "name": first.phone.band.element.profile.title,
            "armed": status.armed_until is not None,
            "credentials_left": sum(card.credentials_left for card in status.cards),
            "card_title": first.card["title"],
        }


def _card(holding: Holding) -> dict[str, Any]:
    card = holding.card
    return {
        "id": card["id"],
        "title": card["title"],
        "network": card["network"],
        "last4": card["last4"],
        "state": "activation" if card["status"] == "identifying" else card["status"],
    }


def _debit(debit: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": debit["at"],
        "merchant": debit["merchantName"],
        "amount": debit["amount"].rpartition(" ")[0],
        "currency": debit["currency"],
        "state": debit["state"],
        "number_last4": debit["numberLast4"],
    }
