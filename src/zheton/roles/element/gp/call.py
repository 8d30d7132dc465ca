"""What a management command works on, and what comes of it."""

from dataclasses import dataclass, field

from zheton.core.emv import status
from zheton.core.emv.apdu import Command
from zheton.core.emv.tlv import Tlv, decode
from zheton.core.errors import DecodeError
from zheton.roles.element.profile import DeviceProfile
from zheton.roles.element.registry import Domain
from zheton.roles.element.rejected import Rejected
from zheton.roles.element.state import ElementState


@dataclass(frozen=True, slots=True)
class Call:
    """An authentic command, unwrapped, and the domain that it was sent to.

    `dek` is the key that protects keys of the set which the session was opened with.
    """

    state: ElementState
    domain: Domain
    device: DeviceProfile
    command: Command
    dek: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    """The state after a command, and what it answers."""

    state: ElementState
    data: bytes = b""


def objects(data: bytes) -> tuple[Tlv, ...]:
    """The data objects of a command; Rejected (6A80) if they are none."""
    try:
        return decode(data)
    except DecodeError:
        raise Rejected(status.WRONG_DATA) from None
