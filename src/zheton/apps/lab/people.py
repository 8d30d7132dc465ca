"""Who lives in the lab: cardholders of the demo bank, each with a phone, a band and a card.

They enrol as anybody would: the number goes sealed to the vault, the code comes by SMS, the band
is filled over its host interface. A second start finds them as they were.
"""

import asyncio
import json
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from zheton.adapters.issuer_file import bundled
from zheton.apps.bands import open_band
from zheton.apps.lab.lab import Lab
from zheton.apps.lab.phone import Phone, open_phone
from zheton.core.errors import ConflictError, NotFoundError, RefusedError, UnreachableError
from zheton.roles.issuer.enrol import Cardholder

GUEST = "you"
READER_BAND = "band"
_CODE = re.compile(r"\b[0-9]{6}\b")


@dataclass(frozen=True, slots=True)
class Resident:
    """A cardholder of the demo bank who lives here, and in which region (alpha-2)."""

    name: str
    region: str


RESIDENTS = (Resident("anna", "RU"), Resident("li", "CN"), Resident("priya", "IN"))


@dataclass(frozen=True, slots=True)
class Holding:
    """A card in somebody's wallet."""

    phone: Phone
    card: dict[str, Any]


class People:
    """The phones of the lab, by their owners' names."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._phones: dict[str, Phone] = {}
        self._opening = threading.Lock()

    async def start(self) -> None:
        """Nothing to start: phones open when they are first used."""

    async def close(self) -> None:
        """Put every phone away."""
        while self._phones:
            self._phones.popitem()[1].close()

    def phone(self, name: str) -> Phone:
        """A person's phone; a new one signs up. Blocks."""
        with self._opening:  # two pages may ask for one phone at once
            if name not in self._phones:
                lab = self._lab
                band = open_band(lab.installation, name)
                wallet = lab.client("companion", "wallet", lab.wallet.url)
                folder = lab.installation.data / "phones"
                self._phones[name] = open_phone(name, folder, wallet, band, lab.trace, lab.clock)
            return self._phones[name]

    def settle_in(self, residents: Sequence[Resident] = RESIDENTS) -> None:
        """Enrol and fill whoever has no card yet. Blocks."""
        for resident in residents:
            phone = self.phone(resident.name)
            active = [card for card in phone.cards() if card["status"] == "active"]
            card = active[0] if active else self._newcomer(phone, resident)
            with suppress(RefusedError):  # in some regions a card is for web shops alone
                phone.fill(card)

    def enrol(self, phone: Phone, resident: Resident) -> dict[str, Any]:
        """The whole enrolment of a resident's card: envelope, code by SMS, activation. Blocks."""
        holder = cardholder(resident.name)
        lab = self._lab
        expiry = f"{holder.expiry[2:]}/{holder.expiry[:2]}"
        jwe = phone.type_card(holder.pan, expiry, lab.envelope_key, lab.thumbprint)
        before = max((letter.number for letter in lab.installation.outbox.letters()), default=0)
        card = phone.add_card(jwe, resident.region, holder.holder)
        if card["status"] == "identifying":
            phone.verify(card["id"], self._code(holder.phone, before))
        return phone.card(card["id"])

    def add_card(self, phone: Phone, jwe: str, region: str, title: str) -> dict[str, Any]:
        """Enrol a card that was sealed in an entry form out of sight of the lab's trace. Blocks.

        Nobody here saw the typing, so the lab notes what the vault found in the envelope.
        """
        trace = self._lab.trace
        trace.start()
        try:
            card = phone.add_card(jwe, region, title)
            pan = self._lab.pan_behind(card["tokenReference"])
            typed = json.dumps({"pan": pan.reveal()} if pan else {}).encode()
            trace.record("cardholder", "entry form", "typed", typed, "card")
        finally:
            crossings = trace.stop()
        phone.enrolled[card["id"]] = crossings
        return card

    def fill_reader_band(self) -> None:
        """Put numbers into the band that `zheton band` puts into readers, and let go of it. Blocks.

        If that command holds the band just now, it is left alone.
        """
        with suppress(ConflictError):
            phone = self.phone(READER_BAND)
            try:
                active = [card for card in phone.cards() if card["status"] == "active"]
                phone.fill(active[0] if active else self.enrol(phone, RESIDENTS[0]))
            finally:
                del self._phones[READER_BAND]
                phone.close()

    def _newcomer(self, phone: Phone, resident: Resident) -> dict[str, Any]:
        self._lab.trace.start()
        try:
            card = self.enrol(phone, resident)
        finally:
            crossings = self._lab.trace.stop()
        phone.enrolled[card["id"]] = crossings
        return card

    async def holdings(self) -> list[Holding]:
        """Every card of everybody."""
        return await asyncio.to_thread(self._holdings)

    async def holding(self, card: str) -> Holding:
        """Whose card this is; NotFoundError if it is nobody's."""
        for holding in await self.holdings():
            if holding.card["id"] == card:
                return holding
        raise NotFoundError("There is no such card in the lab; reload the page.")

    def _holdings(self) -> list[Holding]:
        return [Holding(p, card) for p in list(self._phones.values()) for card in p.cards()]

    def _code(self, number: str, after: int) -> str:
        """The code in the newest message to a telephone."""
        for letter in reversed(self._lab.installation.outbox.letters(after)):
            found = _CODE.search(letter.text)
            if letter.phone == number and found:
                return found.group()
        raise UnreachableError("The issuer's message with the code has not come.")


def cardholder(name: str) -> Cardholder:
    """A cardholder of the demo bank; NotFoundError if it has none of this name."""
    for holder in bundled().cardholders:
        if holder.id == name:
            return holder
    raise NotFoundError(f"The demo bank has no cardholder {name!r}.")
