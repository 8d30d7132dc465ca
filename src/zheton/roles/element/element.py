"""The element itself: commands by interface, and the wearer's events.

One caller at a time; an application that has several (a reader and Bluetooth) takes turns.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from zheton.core.emv import status
from zheton.core.emv.apdu import Command, Response
from zheton.core.errors import DecodeError, UnreachableError
from zheton.roles.element import arming, log, wearing, words
from zheton.roles.element.arming import ArmResult
from zheton.roles.element.chip import Chip
from zheton.roles.element.gp.interface import ManagementInterface
from zheton.roles.element.host_side import HostSide
from zheton.roles.element.identity import Identity
from zheton.roles.element.log import LoggedDebit
from zheton.roles.element.payment import PaymentInterface
from zheton.roles.element.ports import Entropy, Memory
from zheton.roles.element.profile import DeviceProfile
from zheton.roles.element.wearer_app import WearerApplication
from zheton.roles.element.wearing import Entered
from zheton.roles.element.words import Refusal

MEMORY_FAILURE = 0x6581  # ISO 7816-4, 5.6


class Interface(StrEnum):
    """Where a command comes from: the field of a reader, or the device's own host (Bluetooth)."""

    NFC = "nfc"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class CardStatus:
    """One card for the device's screen. `abandoned` numbers were shown in torn taps and lost."""

    card_ref: bytes
    label: str
    credentials_left: int
    abandoned: int
    suspended: bool


@dataclass(frozen=True, slots=True)
class Status:
    """The element for the device's screen; the default card comes first.

    `tries_left` is None where no passcode was set, and 0 where it is locked. `refused` is why the
    last arming or tap came to nothing, `screen` what a small screen shows of it.
    """

    serial: bytes
    armed_until: datetime | None
    armed_card: bytes | None
    cards: Sequence[CardStatus]
    worn: bool
    verified: bool
    tries_left: int | None
    refused: Refusal | None
    screen: str


class Element:
    """The chip on the wrist: ISO 7816-4 commands in, responses out, on two interfaces."""

    def __init__(self, memory: Memory, profile: DeviceProfile, entropy: Entropy) -> None:
        """Power on; ConfigurationError if the memory was never manufactured."""
        self._chip = Chip(memory, profile)
        self._payment = PaymentInterface(self._chip, entropy)
        wearer, identity = WearerApplication(self._chip, entropy), Identity(self._chip, entropy)
        self._host = HostSide(ManagementInterface(self._chip), wearer, identity)
        # A laboratory's chip can be managed through a reader, as other people's tools do it.
        self._workbench = (
            ManagementInterface(self._chip) if self._chip.state.registry.laboratory else None
        )
        self._entropy = entropy

    @property
    def profile(self) -> DeviceProfile:
        """The kind of device that this is."""
        return self._chip.profile

    def transmit(self, interface: Interface, command: bytes, now: datetime) -> bytes:
        """The response to one command, both as ISO 7816-4 APDUs; never raises on any bytes.

        The answer is whole whatever Le says: cutting it to a reader's wishes is `transport`'s.
        What it changes is durable before it returns; 6581 if the memory could not keep it.
        """
        try:
            decoded = Command.decode(command)
            if interface is Interface.HOST:
                response = self._host.answer(decoded, now)
            else:
                response = self._in_field(decoded, now)
        except DecodeError:
            response = Response(sw=status.WRONG_LENGTH)
        except UnreachableError:
            response = Response(sw=MEMORY_FAILURE)
        return response.encode()

    def _in_field(self, command: Command, now: datetime) -> Response:
        """What a reader gets; in production management is as unknown there as any other name."""
        if self._workbench is None:
            return self._payment.answer(command, now)
        if self._workbench.takes(command):
            self._payment.reset()
            return self._workbench.answer(command, now)
        self._workbench.reset()
        return self._payment.answer(command, now)

    def reset(self, interface: Interface) -> None:
        """The field is gone, the reader resets, or Bluetooth is cut: selection and session end.

        An arming window stays open: a tap that tore may be tried again while it lasts.
        """
        if interface is Interface.NFC:
            self._payment.reset()
            if self._workbench is not None:
                self._workbench.reset()
        else:
            self._host.reset()

    def power_off(self) -> None:
        """Everything volatile is gone: the arming window, and whether it is worn and by whom."""
        self.reset(Interface.NFC)
        self.reset(Interface.HOST)
        self._chip.take_off()

    def arm(self, now: datetime, card_ref: bytes | None = None) -> ArmResult:
        """The wearer opens the card screen: one credential may be spent until the window closes.

        Raises UnreachableError if the memory fails; nothing is armed then.
        """
        return arming.arm(self._chip, now, card_ref)

    def factory_reset(self) -> None:
        """The wearer wipes the device on its own screen: cards, their keys and the passcode.

        All of it is gone when this returns, or nothing is: UnreachableError if the memory fails.
        The next sync tells the wallet, which ends the cards' tokens.
        """
        self._chip.commit(self._chip.state.wiped())
        self.power_off()

    def disarm(self) -> None:
        """The wearer leaves the card screen."""
        self._chip.close()

    def put_on(self) -> None:
        """The wrist sensor says that the device is worn; the passcode says by whom."""
        self._chip.put_on()

    def take_off(self) -> None:
        """The wrist sensor says that the device is worn no more."""
        self._chip.take_off()

    def enter_passcode(self, digits: str, now: datetime) -> Entered:
        """The wearer types the passcode on the device; see `wearing.enter_passcode`."""
        return wearing.enter_passcode(self._chip, digits, now)

    def set_passcode(self, digits: str, current: str | None = None) -> Entered:
        """The wearer sets the first passcode, or changes it; see `wearing.set_passcode`."""
        return wearing.set_passcode(self._chip, digits, current, self._entropy)

    def order_cards(self, order: Sequence[bytes]) -> None:
        """The wearer puts these cards first, the default one before all.

        NotFoundError if one is not here, UnreachableError if the memory fails.
        """
        self._chip.commit(self._chip.state.ordered(tuple(order)))

    def log(self, card_ref: bytes) -> tuple[LoggedDebit, ...]:
        """The last ten debits of a card, the newest first; none of a card that is not here."""
        card = self._chip.state.card(card_ref)
        return tuple(log.read(entry) for entry in card.log) if card else ()

    def unlock_management(self) -> None:
        """The wearer lets the wallet try again, on the device itself: no command does this.

        Raises UnreachableError if the memory fails.
        """
        state = self._chip.state
        self._chip.commit(replace(state, issuer_domain=state.issuer_domain.unlocked()))

    def credentials_left(self, card_ref: bytes | None = None) -> int:
        """Debits that a card, or all cards together, can still make."""
        cards = self._chip.state.cards
        return sum(card.credentials_left for card in cards if card_ref in (None, card.card_ref))

    def status(self, now: datetime) -> Status:
        """What the device's screen shows."""
        window = self._chip.window(now)
        state, refused = self._chip.state, self._chip.refused
        cards, passcode = state.by_priority(), state.wearer.passcode
        languages = cards[0].profile.language if cards else ""
        return Status(
            serial=state.serial,
            armed_until=window.until if window else None,
            armed_card=window.card_ref if window else None,
            cards=tuple(
                CardStatus(
                    card.card_ref,
                    card.profile.label,
                    card.credentials_left,
                    sum(batch.abandoned for batch in card.batches),
                    card.suspended,
                )
                for card in cards
            ),
            worn=self._chip.worn,
            verified=self._chip.verified(now),
            tries_left=passcode.tries_left if passcode else None,
            refused=refused,
            screen=words.on_screen(refused, languages) if refused else "",
        )
