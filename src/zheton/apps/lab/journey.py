"""One whole journey: a card is enrolled, a band filled, a till paid, the day cleared; then online.

Each leg says what happened and whether that is what should have. The X-ray of the whole is made
of what crossed between the parties, and nothing else.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zheton.apps.lab.debit import Told
from zheton.apps.lab.front import Front
from zheton.apps.lab.lab import Lab
from zheton.apps.lab.people import People, Resident, cardholder
from zheton.apps.nodes.acquirer import Sold
from zheton.apps.trace import Crossing
from zheton.apps.xray.saw import Facts, saw
from zheton.apps.xray.step import PartySaw, XRay
from zheton.apps.xray.whole import xray
from zheton.core.errors import ZhetonError
from zheton.core.money import Money, currency, money
from zheton.core.scp03.keys import StaticKeys

TRAVELLER = Resident("anna", "RU")
TILL, WEB_SHOP = "moscow", "moscow-web"
PRICE, ONLINE_PRICE = "350", "1290"
LEGS = ("enrol", "provision", "tap", "wallet", "clear", "online", "secrecy")
PROVISIONING = LEGS[:2]
MAY_SEE_THE_CARD = {"entry form", "vault", "issuer"}


@dataclass
class Leg:
    """One part of the journey: what happened in words, and its X-ray."""

    name: str
    happened: bool = False
    text: str = ""
    elapsed_ms: float = 0.0
    xray: XRay | None = None

    def to_json(self) -> dict[str, Any]:
        """The leg as an object."""
        return {
            "name": self.name,
            "happened": self.happened,
            "text": self.text,
            "elapsed_ms": round(self.elapsed_ms, 1),
            "xray": self.xray.to_json() if self.xray else None,
        }


@dataclass
class Story:
    """The journey as it went."""

    legs: list[Leg]
    parties: Sequence[PartySaw]
    intended: Sequence[str] = LEGS

    @property
    def complete(self) -> bool:
        """Whether every leg happened."""
        return len(self.legs) == len(self.intended) and all(leg.happened for leg in self.legs)

    def to_json(self) -> dict[str, Any]:
        """The journey as one object."""
        return {
            "complete": self.complete,
            "legs": [leg.to_json() for leg in self.legs],
            "parties": [party.to_json() for party in self.parties],
        }


class Missed(Exception):
    """A leg whose outcome is not the one that a journey has."""


class Journey:
    """Walks a fresh lab once from end to end."""

    def __init__(self, lab: Lab, people: People) -> None:
        self._lab, self._people = lab, people
        self._front = Front(lab, people)
        self._facts = Facts(pan=cardholder(TRAVELLER.name).pan)
        self._debits: list[Told] = []
        self._crossings: list[Crossing] = []
        self._card: dict[str, Any] = {}
        self._chip_keys: StaticKeys | None = None  # a laboratory looks into packages

    async def walk(self, told: Callable[[Leg], None], intended: Sequence[str] = LEGS) -> Story:
        """Every leg in order, each told when it is over; the first that fails ends the journey."""
        legs = []
        for name in intended:
            leg = Leg(name)
            legs.append(leg)
            started_ms = self._lab.clock.elapsed_ms()
            before = len(self._crossings)
            try:
                leg.text = await getattr(self, f"_{name}")()
                leg.happened = True
            except (ZhetonError, Missed) as error:
                leg.text = str(error)
            leg.elapsed_ms = self._lab.clock.elapsed_ms() - started_ms
            leg.xray = xray(leg.text, self._crossings[before:], self._facts, self._chip_keys)
            told(leg)
            if not leg.happened:
                break
        return Story(legs, saw(self._crossings, self._facts), intended)

    async def _enrol(self) -> str:
        phone = await asyncio.to_thread(self._people.phone, TRAVELLER.name)
        self._card = await self._traced(self._people.enrol, phone, TRAVELLER)
        _expect(self._card["status"] == "active", "the card is not active")
        return (
            f"{self._card['title']} enrols the {self._card['network']} card that ends in "
            f"{self._card['last4']}; the code came by {self._card['delivery']}"
        )

    async def _provision(self) -> str:
        phone = self._people.phone(TRAVELLER.name)
        self._chip_keys = self._lab.installation.keys.device_keys(phone.band.serial)
        synced = await self._traced(phone.fill, self._card)
        _expect(synced is not None and synced.numbers > 0, "the band got no numbers")
        band = phone.band.element
        return f"{band.profile.title} holds {band.credentials_left()} one-time numbers in its chip"

    async def _tap(self) -> str:
        told = await self._debit(TILL, PRICE)
        return (
            f"{money(PRICE, 'RUB')} at a till in Moscow, approved: number {told.number}, "
            f"authorisation {_sold(told).record.auth_code}"
        )

    async def _wallet(self) -> str:
        phone = self._people.phone(TRAVELLER.name)
        history = await self._traced(phone.history, self._card["id"])
        _expect(len(history) == 1, "the wallet does not show exactly one debit")
        shown = history[0]
        _expect(shown["state"] == "approved", f"the wallet shows the debit as {shown['state']}")
        _expect(shown["numberLast4"] == self._debits[0].number[-4:], "it shows another number")
        return f"the phone shows {shown['amount']} at {shown['merchantName']}"

    async def _clear(self) -> str:
        self._lab.trace.start()
        try:
            files = await self._lab.close_day(self._lab.clock.now().date())
        finally:
            self._crossings += self._lab.trace.stop()
        _expect(len(files) == 1 and files[0].report.accepted == 1, "the debit did not clear")
        cleared = files[0]
        posted = cleared.posted
        _expect(posted is not None and posted.posted == 1 and not posted.flagged, "not posted")
        _expect(all(s.outstanding_minor == 0 for s in cleared.settled), "not settled in full")
        paid = Money(cleared.settled[0].paid_minor, currency(cleared.settled[0].currency))
        return f"one debit cleared; the issuer posted it and paid {paid} to the acquirer"

    async def _online(self) -> str:
        told = await self._debit(WEB_SHOP, ONLINE_PRICE)
        _expect(told.number != self._debits[0].number, "the number is the one of the till")
        return f"{money(ONLINE_PRICE, 'RUB')} in a web shop, approved: number {told.number}"

    async def _secrecy(self) -> str:
        holders = {party.party for party in saw(self._crossings, self._facts) if party.card_number}
        _expect(holders == MAY_SEE_THE_CARD, f"the card number was seen by {sorted(holders)}")
        return "nobody but entry form, vault and issuer saw the card number that was typed"

    async def _debit(self, till: str, price: str) -> Told:
        merchant = self._lab.merchants.till(till).merchant.id
        wish = await self._front.wish(self._card["id"], merchant, price)
        told = await self._front.debit(wish, _nobody)
        self._crossings += told.crossings
        self._debits.append(told)
        self._facts = replace(
            told.facts,
            amount=self._facts.amount or told.facts.amount,
            merchant=self._facts.merchant or told.facts.merchant,
            numbers=tuple(debit.number for debit in self._debits),
            cryptograms=self._facts.cryptograms + told.facts.cryptograms,
        )
        _expect(told.approved, told.text)
        return told

    async def _traced(self, act: Callable[..., Any], *given: Any) -> Any:
        """What a blocking act returns, its crossings kept."""
        self._lab.trace.start()
        try:
            return await asyncio.to_thread(act, *given)
        finally:
            self._crossings += self._lab.trace.stop()


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Missed(otherwise)


def _sold(told: Told) -> Sold:
    if told.sold is None:
        raise Missed("the acquirer was never asked")
    return told.sold


def _nobody(_event: dict[str, Any]) -> None:
    """The journey tells its steps itself."""
