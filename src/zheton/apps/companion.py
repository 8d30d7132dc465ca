"""The app on the phone: it carries packages between wallet and band, and seals what is typed.

It is nobody's confidant: a package is ciphertext for the chip, an envelope is ciphertext for the
token service, and the card number is gone once the envelope is closed.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from zheton.adapters.http_tsp import ask
from zheton.adapters.keys.envelope import seal_envelope
from zheton.core.emv import status
from zheton.core.emv.apdu import LE_MAX, Command, Response
from zheton.core.emv.device_certificate import CARDHOLDER_CERTIFICATE
from zheton.core.emv.perso import PAYMENT_DOMAIN_AID
from zheton.core.errors import DecodeError, EncodeError, RefusedError, UnreachableError
from zheton.core.scp03.host import initialize_update
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import CHALLENGE_BYTES
from zheton.core.token.pan import Pan

_SELECT_PAYMENT_DOMAIN = Command(0x00, 0xA4, 0x04, 0x00, PAYMENT_DOMAIN_AID, le=256)
_GET_CERTIFICATE = Command(
    0x00, 0xCA, CARDHOLDER_CERTIFICATE >> 8, CARDHOLDER_CERTIFICATE & 0xFF, le=LE_MAX
)
_GET_RESETS = Command(0x00, 0xCA, 0x01, 0x00, le=2)
_INTERNAL_AUTHENTICATE = 0x88
_NAMES = {
    0xA4: "SELECT",
    0xCA: "GET DATA",
    0x88: "INTERNAL AUTHENTICATE",
    0x50: "INITIALIZE UPDATE",
    0x82: "EXTERNAL AUTHENTICATE",
}

Transmit = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Synced:
    """A package that the chip has taken: its commit, the card's id, and how many numbers."""

    commit: int
    card: str
    numbers: int


class Companion:
    """One user's app beside one band. `transmit` is the band's host interface (APDU in, out)."""

    def __init__(self, wallet: httpx.Client, transmit: Transmit) -> None:
        """`wallet` sends the user's bearer token with every request."""
        self._wallet, self._transmit = wallet, transmit

    def counter(self) -> int:
        """The sequence counter of the chip's payment domain (GPC Amendment D, 7.1.1.6).

        Asking for it opens no session and so does not move it. RefusedError if the chip has no
        such domain, DecodeError if its answer is none.
        """
        challenge = secrets.token_bytes(CHALLENGE_BYTES)  # nothing depends on it here
        for command in (_SELECT_PAYMENT_DOMAIN, initialize_update(challenge)):
            answer = self._exchange(command)
            if not answer.ok:
                raise _refused(1, 1, command, answer.sw)
        counter = InitializeUpdateResponse.decode(answer.data).sequence_counter
        if counter is None:
            problem = "the chip's challenge is not pseudo-random"
            raise DecodeError(problem, field="INITIALIZE UPDATE response", offset=0)
        return counter

    def register(self, user: str, serial: str, profile: str) -> str:
        """Register the band for a user, by its certificate and its answer; the device's id.

        RefusedError if the token service does not know who made it, or it is not the one.
        """
        self._exchange(_SELECT_PAYMENT_DOMAIN)
        shown = self._exchange(_GET_CERTIFICATE)
        path = f"/v1/users/{user}/devices"
        asked = ask(self._wallet, "POST", f"{path}/challenge", {"serial": serial})
        challenge = bytes.fromhex(asked["challenge"])
        prove = Command(0x00, _INTERNAL_AUTHENTICATE, 0x00, 0x00, challenge, le=256)
        signed = self._exchange(prove)
        for command, answer in ((_GET_CERTIFICATE, shown), (prove, signed)):
            if not answer.ok:
                raise _refused(1, 1, command, answer.sw)
        body = {
            "serial": serial,
            "profile": profile,
            "certificate": shown.data.hex(),
            "challenge": challenge.hex(),
            "proof": signed.data.hex(),
        }
        return str(ask(self._wallet, "POST", path, body)["id"])

    def _resets(self) -> int:
        """How often the band's wearer has wiped it; the wallet ends what was on it."""
        answer = self._exchange(_GET_RESETS)
        return int.from_bytes(answer.data) if answer.ok else 0

    def sync(self, device: str, unspent: int, card: str | None = None) -> Synced | None:
        """Fetch the package that the band needs, run it, acknowledge it; None if it needs none.

        `unspent` counts the numbers left, of `card` if it is named. RefusedError names the command
        that the chip did not answer with 9000; the wallet knows by then. If the link to the chip
        breaks, nothing is acknowledged and the next sync tries again.
        """
        need: dict[str, Any] = {"counter": self.counter(), "unspent": unspent}
        if resets := self._resets():
            need["resets"] = resets
        if card is not None:
            need["creditCard"] = card
        given = ask(self._wallet, "POST", f"/v1/devices/{device}/commits", need)
        if not given:
            return None
        commands = [Command.decode(bytes.fromhex(each)) for each in given["commands"]]
        statuses = self._run(commands)
        ask(
            self._wallet,
            "POST",
            f"/v1/devices/{device}/commits/{given['commit']}/acknowledge",
            {"statuses": [f"{sw:04X}" for sw in statuses]},
        )
        if statuses[-1] != status.SUCCESS:
            place = len(statuses)
            raise _refused(place, len(commands), commands[place - 1], statuses[-1])
        return Synced(given["commit"], given["creditCard"], given["numbers"])

    def _run(self, commands: list[Command]) -> list[int]:
        """Status words of the commands, up to the first that is not 9000."""
        statuses: list[int] = []
        for command in commands:
            statuses.append(self._exchange(command).sw)
            if statuses[-1] != status.SUCCESS:
                break
        return statuses

    def _exchange(self, command: Command) -> Response:
        """The chip's response; UnreachableError if the link brings none."""
        answer = self._transmit(command.encode())
        if len(answer) < 2:
            raise UnreachableError("The band does not answer; bring it near and sync again.")
        return Response.decode(answer)


@dataclass(frozen=True, slots=True)
class Owner:
    """For what a card is added: a chip by its serial number (hex), a phone by its public JWK."""

    device: str
    app_key: Mapping[str, str]


def entry_form(
    pan: str, expiry: str, owner: Owner, public_key: dict[str, Any], thumbprint: str
) -> str:
    """What the cardholder types (expiry MM/YY), sealed to the token service's pinned key.

    EncodeError for a mistyped card number or date, VerificationError for another key: then
    nothing leaves the form.
    """
    month, slash, year = expiry.replace(" ", "").partition("/")
    digits = month + year
    if not (slash and len(month) == len(year) == 2 and digits.isascii() and digits.isdigit()):
        raise EncodeError("it is written MM/YY", field="expiry date")
    content = {
        "pan": Pan(pan).reveal(),
        "expiry": f"{month}/{year}",
        "device": owner.device,
        "appKey": dict(owner.app_key),
    }
    return seal_envelope(json.dumps(content).encode(), public_key, thumbprint)


def _refused(place: int, count: int, command: Command, sw: int) -> RefusedError:
    name = _NAMES.get(command.ins, "STORE DATA")
    return RefusedError(
        "chip",
        f"The chip refused command {place} of {count} ({name}): {status.meaning(sw)} ({sw:04X}).",
    )
