"""A person of the lab: a phone with the app on it, a band on the wrist, and cards in the hand.

What the phone knows it learned over HTTP; what it keeps is a user id, a token, a device id and the
private key to which the vault seals online numbers.
"""

import json
from pathlib import Path
from typing import Any

import httpx

from zheton.adapters.app_key import open_for_app, public_part
from zheton.adapters.clock import Clock
from zheton.adapters.http_tsp import ask, error_of
from zheton.apps.account import Account, keep_account, read_account, sign_up
from zheton.apps.bands import Band
from zheton.apps.companion import Companion, Owner, Synced, entry_form
from zheton.apps.lab.till import TracedCard
from zheton.apps.lab.wearing import wear
from zheton.apps.trace import Crossing, Trace
from zheton.core.errors import UnreachableError
from zheton.core.money import Money
from zheton.core.token.pan import Pan
from zheton.roles.element.arming import ArmResult
from zheton.roles.element.element import Interface


class Phone:
    """One person's app and band. Its methods block: an event loop calls them in a thread."""

    def __init__(
        self, name: str, wallet: httpx.Client, account: Account, band: Band, trace: Trace,
        clock: Clock,
    ) -> None:  # fmt: skip
        self.name, self.band, self.account = name, band, account
        self._wallet, self._trace, self._clock = wallet, trace, clock
        self._wallet.headers["authorization"] = f"Bearer {account.token}"
        host = TracedCard(band.element, trace, clock, Interface.HOST)
        self._companion = Companion(wallet, host.transceive)
        # What crossed when a card was enrolled in this run: part of who saw what at its debits.
        self.enrolled: dict[str, list[Crossing]] = {}

    @property
    def owner(self) -> Owner:
        """What goes into a card's envelope besides the card: this band, this phone."""
        return Owner(self.band.serial, public_part(self.account.app_key))

    def type_card(self, pan: Pan, expiry: str, key: dict[str, Any], thumbprint: str) -> str:
        """The cardholder types a card into the entry form; what leaves it is a JWE."""
        typed = json.dumps({"pan": pan.reveal(), "expiry": expiry}).encode()
        self._trace.record("cardholder", "entry form", "typed", typed, "card")
        sealed = entry_form(pan.reveal(), expiry, self.owner, key, thumbprint)
        self._trace.record("entry form", "companion", "internal", sealed.encode(), "JWE")
        return sealed

    def add_card(self, jwe: str, region: str, title: str) -> dict[str, Any]:
        """Enrol a sealed card; RefusedError with the reason if it may not be."""
        body = {"encryptedData": jwe, "region": region, **({"title": title} if title else {})}
        return ask(self._wallet, "POST", f"/v1/users/{self.account.user}/creditCards", body)

    def verify(self, card: str, code: str) -> None:
        """Type the code that the issuer sent."""
        ask(self._wallet, "POST", f"/v1/creditCards/{card}/verify", {"code": code})

    def cards(self) -> list[dict[str, Any]]:
        """The person's cards, oldest first."""
        return self._list(f"/v1/users/{self.account.user}/creditCards")

    def card(self, card: str) -> dict[str, Any]:
        """One card; NotFoundError if it is not this person's."""
        return ask(self._wallet, "GET", f"/v1/creditCards/{card}")

    def fill(self, card: dict[str, Any]) -> Synced | None:
        """Sync: fetch numbers for a card if the band has few, and put them into its chip."""
        left = self.band.element.credentials_left(_reference(card))
        synced = self._companion.sync(self.account.device, left, card["id"])
        self.band.element.reset(Interface.HOST)
        return synced

    def arm(self, card: dict[str, Any]) -> ArmResult:
        """The wearer opens the card on the band, worn and with its passcode; no link is needed."""
        wear(self.band.element, self._clock.now())
        return self.band.element.arm(self._clock.now(), card_ref=_reference(card))

    def online_number(self, card: str, limit: Money, merchant: str) -> dict[str, Any]:
        """A number for one purchase in a web shop, for five minutes: `number`, `expiry`, `code`.

        Nobody on the way could read it; VerificationError if it is not sealed to this phone.
        """
        body = {
            "deviceId": self.account.device,
            "amountMinor": limit.minor,
            "currency": limit.currency.code,
            "merchant": merchant,
            "minutes": 5,
        }
        answer = ask(self._wallet, "POST", f"/v1/creditCards/{card}/transact", body)
        opened = open_for_app(str(answer.get("encryptedPayload")), self.account.app_key)
        self._trace.record("companion", "cardholder", "internal", opened, "online number")
        return dict(json.loads(opened))

    def history(self, card: str) -> list[dict[str, Any]]:
        """The card's debits as the wallet shows them, newest first."""
        return self._list(f"/v1/creditCards/{card}/transactions")

    def close(self) -> None:
        """Put the phone away and take the band off."""
        self._wallet.close()
        self.band.close()

    def _list(self, path: str) -> list[dict[str, Any]]:
        try:
            response = self._wallet.get(path)
        except httpx.HTTPError as error:
            raise UnreachableError(
                f"The wallet does not answer ({type(error).__name__}); try again later."
            ) from None
        answer = response.json()
        if not response.is_success:
            raise error_of(answer)
        return list(answer)


def _reference(card: dict[str, Any]) -> bytes:
    """The card as the chip names it."""
    return bytes.fromhex(card["tokenReference"])


def open_phone(
    name: str, folder: Path, wallet: httpx.Client, band: Band, trace: Trace, clock: Clock
) -> Phone:
    """The phone of a person; a new one is signed up at the wallet, with its band."""
    path = folder / f"{name}.json"
    if path.exists():
        return Phone(name, wallet, read_account(path), band, trace, clock)
    host = TracedCard(band.element, trace, clock, Interface.HOST)
    account = sign_up(name, wallet, host.transceive, band.serial, band.element.profile.name)
    keep_account(path, account)
    return Phone(name, wallet, account, band, trace, clock)
