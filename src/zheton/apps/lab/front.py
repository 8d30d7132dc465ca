"""What the console asks of the lab: its cards and merchants, new cards, debits and history."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from zheton.apps.http.events import Hub
from zheton.apps.lab.debit import DebitRun, Emit, Told, Wish
from zheton.apps.lab.lab import Lab
from zheton.apps.lab.people import GUEST, Holding, People
from zheton.core.errors import ConfigurationError, NotFoundError, RefusedError
from zheton.core.money import BY_CODE, money
from zheton.core.token.domain import Channel

PAGES_MAX = 16
_PAGES = "pages"  # whoever looks at the lab is one listener to all of it


class Front:
    """One lab with its people, as the console shows them."""

    def __init__(self, lab: Lab, people: People) -> None:
        self.lab, self.people = lab, people
        self._run = DebitRun(lab)
        self.hub = Hub(listeners_max=PAGES_MAX)

    async def describe(self) -> dict[str, Any]:
        """Cards with their bands, and countries with their merchants."""
        holdings = await self.people.holdings()
        return {
            "cards": [self._card(holding) for holding in holdings],
            "countries": self._countries(),
        }

    async def add_card(self, jwe: str, region: str, title: str) -> dict[str, Any]:
        """Enrol a sealed card on the guest's phone; RefusedError with the reason if it may not."""
        phone = await asyncio.to_thread(self.people.phone, GUEST)
        async with self._run.turn:
            card = await asyncio.to_thread(self.people.add_card, phone, jwe, region, title)
        if card["status"] == "active":
            await self._fill(Holding(phone, card))
        state = "activation" if card["status"] == "identifying" else card["status"]
        return {"id": card["id"], "state": state, "delivery": card["delivery"]}

    async def activate(self, card: str, code: str) -> None:
        """Type the code; then the band is filled, so that the card can pay."""
        holding = await self.people.holding(card)
        await asyncio.to_thread(holding.phone.verify, card, code)
        await self._fill(holding)
        self.hub.publish(_PAGES, "card", {"card": card})

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
        if wanted.minor == 0:  # told before the tap, which would cost the band a number
            raise ConfigurationError("A debit is of more than nothing.")
        return Wish(await self.people.holding(card), till, wanted)

    async def debit(self, wish: Wish, emit: Emit) -> Told:
        """The band is filled first if it needs to be; then the debit; then all pages hear of it."""
        if wish.till.channel is Channel.TILL:
            await asyncio.to_thread(wish.holding.phone.fill, wish.holding.card)
        told = await self._run(wish, emit)
        self.hub.publish(_PAGES, "debit", {"card": wish.holding.card["id"]})
        return told

    def pushes(self) -> AsyncIterator[bytes]:
        """A server-sent event whenever a debit has happened or a card is new."""
        return self.hub.listen(_PAGES)

    async def _fill(self, holding: Holding) -> None:
        """Fill the band, unless policy has the card for web shops alone."""
        with suppress(RefusedError):
            await asyncio.to_thread(holding.phone.fill, holding.card)

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

    def _card(self, holding: Holding) -> dict[str, Any]:
        """A card and the band that pays with it."""
        card, element = holding.card, holding.phone.band.element
        reference = bytes.fromhex(card["tokenReference"])
        return {
            "id": card["id"],
            "title": card["title"],
            "network": card["network"],
            "last4": card["last4"],
            "state": "activation" if card["status"] == "identifying" else card["status"],
            "band": {
                "name": element.profile.title,
                "armed": element.status(self.lab.clock.now()).armed_until is not None,
                "credentials_left": element.credentials_left(reference),
            },
        }


def _debit(debit: dict[str, Any]) -> dict[str, Any]:
    return {
        "at": debit["at"],
        "merchant": debit["merchantName"],
        "amount": debit["held"].rpartition(" ")[0],
        "refunded": debit["refunded"].rpartition(" ")[0] if debit["refundedMinor"] else "",
        "currency": debit["currency"],
        "state": debit["state"],
        "reason": debit["reason"],
        "number_last4": debit["numberLast4"],
    }
