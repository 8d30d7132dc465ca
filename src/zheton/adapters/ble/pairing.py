"""Pairing: LE Secure Connections alone, and nothing before a person has agreed.

`bumble` is a stack for tests and trusts its peer to keep the order of the protocol. It would hand
out the key of a pairing that was never accepted, or whose numbers nobody has compared yet.
`GuardedSession` closes that: the protocol's order is kept, each step comes as often as it may, and
the key is worth nothing before both sides have proved it (Core, Vol 3, Part H, 2.3.5.6).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol

from bumble import smp
from bumble.crypto.cryptography import EccKey
from bumble.device import Connection
from bumble.pairing import PairingConfig, PairingDelegate

_METHODS = smp.PairingMethod
_PASSKEY_STEPS = 20  # Core, Vol 3, Part H, 2.3.5.6.3: a bit of the passkey each
_KEY_BYTES = 16  # a shorter one is a downgrade (KNOB)


class Person(Protocol):
    """Who stands beside a device that pairs. Numbers have six digits."""

    async def willing(self) -> bool:
        """Whether anybody may pair now."""
        ...

    async def same(self, number: int) -> bool:
        """Whether the other device shows this number, too."""
        ...

    async def shown(self, number: int) -> None:
        """Show the number that the other device asks for."""
        ...

    async def typed(self) -> int | None:
        """The number that the other device shows; None if nobody types it."""
        ...


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a device can show and take in while it pairs; `keyboard` types numbers."""

    screen: bool
    button: bool
    keyboard: bool = False

    @property
    def capability(self) -> PairingDelegate.IoCapability:
        """Core, Vol 3, Part H, table 2.5."""
        if self.screen and self.keyboard:
            return PairingDelegate.DISPLAY_OUTPUT_AND_KEYBOARD_INPUT
        if self.screen and self.button:
            return PairingDelegate.DISPLAY_OUTPUT_AND_YES_NO_INPUT
        if self.screen:
            return PairingDelegate.DISPLAY_OUTPUT_ONLY
        return PairingDelegate.NO_OUTPUT_NO_INPUT


class _Delegate(PairingDelegate):
    def __init__(self, abilities: Abilities, person: Person) -> None:
        super().__init__(abilities.capability)
        self._person = person

    async def accept(self) -> bool:
        return await self._person.willing()

    async def confirm(self, auto: bool = False) -> bool:
        return await self._person.willing()

    async def compare_numbers(self, number: int, digits: int) -> bool:
        return await self._person.same(number)

    async def get_number(self) -> int | None:
        return await self._person.typed()

    async def display_number(self, number: int, digits: int) -> None:
        await self._person.shown(number)


def pairing_config(abilities: Abilities, person: Person, *, checked: bool) -> PairingConfig:
    """Secure Connections and bonding; `checked` refuses pairing in which nobody compares."""
    return PairingConfig(
        sc=True,
        mitm=checked,
        bonding=True,
        delegate=_Delegate(abilities, person),
        identity_address_type=PairingConfig.AddressType.RANDOM,
    )


class GuardedSession(smp.Session):
    """One pairing of one connection; whoever fails it has to connect anew."""

    def __init__(
        self,
        manager: smp.Manager,
        connection: Connection,
        pairing_config: PairingConfig,
        is_initiator: bool,
    ) -> None:
        super().__init__(manager, connection, pairing_config, is_initiator)
        self.ecc_key = EccKey.generate()  # 2.3.6: a key pair is not used for long
        self._checked = pairing_config.mitm
        self._agreed = False
        self._proved = False
        self._seen: Counter[type[smp.SMP_Command]] = Counter()

    def on_smp_command(self, command: smp.SMP_Command) -> None:
        """Take a command of the peer's that is in its place; end the pairing at any other."""
        if self.completed:
            return
        self._seen[type(command)] += 1
        if self._in_place(command):
            super().on_smp_command(command)
        else:
            self.send_pairing_failed(smp.ErrorCode.UNSPECIFIED_REASON)

    def get_long_term_key(self, rand: bytes, ediv: int) -> bytes | None:
        """The key of this pairing, once it is proved; not the one that it is to become."""
        return super().get_long_term_key(rand, ediv) if self._proved else None

    def on_connection_encryption_change(self) -> None:
        """Go on to the exchange of identities only under the key that was proved."""
        if self._proved:
            super().on_connection_encryption_change()

    def send_pairing_response_command(self) -> None:
        """The band agrees to a method, or to none."""
        if self._agree():
            super().send_pairing_response_command()

    def send_public_key_command(self) -> None:
        """The phone goes on with a method, or not."""
        if self.is_responder or self._agree():
            super().send_public_key_command()

    def send_pairing_dhkey_check_command(self) -> None:
        """The person has agreed and, at the band, the peer has proved the key."""
        self._proved = True
        super().send_pairing_dhkey_check_command()

    def _agree(self) -> bool:
        wanted = {_METHODS.NUMERIC_COMPARISON, _METHODS.PASSKEY}
        wanted |= set() if self._checked else {_METHODS.JUST_WORKS}
        self._agreed = self.sc and self.bonding and self.pairing_method in wanted
        if not self._agreed:
            self.send_pairing_failed(smp.ErrorCode.AUTHENTICATION_REQUIREMENTS)
        return self._agreed

    def _in_place(self, command: smp.SMP_Command) -> bool:
        """Whether a command may come now and as often as it has."""
        steps = _PASSKEY_STEPS if self.pairing_method == _METHODS.PASSKEY else 1
        repeated = isinstance(
            command, smp.SMP_Pairing_Confirm_Command | smp.SMP_Pairing_Random_Command
        )
        if self._seen[type(command)] > (steps if repeated else 1):
            return False
        match command:
            case smp.SMP_Pairing_Request_Command():
                return self.is_responder and command.maximum_encryption_key_size == _KEY_BYTES
            case smp.SMP_Pairing_Response_Command():
                return self.is_initiator and command.maximum_encryption_key_size == _KEY_BYTES
            case smp.SMP_Pairing_Failed_Command():
                return True
            case smp.SMP_Pairing_Public_Key_Command():
                # A key that comes back is a reflection (CVE-2020-26558).
                return self._agreed and command.public_key_x != self.ecc_key.x[::-1]
            case smp.SMP_Pairing_DHKey_Check_Command():
                # The phone is the first to prove the key; the band's answer comes after that.
                return self._agreed and (self.is_responder or self._proved)
        return self._agreed


def guard(device: Any, config: PairingConfig) -> None:
    """Let a `bumble` device pair by these rules and by no others."""
    device.smp_session_proxy = GuardedSession
    device.pairing_config_factory = lambda _connection: config
