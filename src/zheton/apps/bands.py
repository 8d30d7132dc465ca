"""The devices of an installation: files of memory, made by its factory when first asked for."""

from dataclasses import dataclass, field

from zheton.adapters.device_files import device_named
from zheton.adapters.element_memory import FileMemory
from zheton.adapters.held_file import HeldFile
from zheton.apps.wiring import Installation
from zheton.core.errors import ConfigurationError, DecodeError
from zheton.roles.element.element import Element

DEFAULT_BAND = "mi-band-4-nfc"


@dataclass(frozen=True)
class Band:
    """A device on somebody's wrist, by the name of its file."""

    name: str
    serial: str
    element: Element
    held: HeldFile = field(repr=False)

    def close(self) -> None:
        """Let another process have it."""
        self.element.power_off()
        self.held.release()


def open_band(installation: Installation, name: str, profile: str = DEFAULT_BAND) -> Band:
    """The band of a name; where there is none, one is made and its keys told to the vault.

    ConflictError if another process holds it, ConfigurationError if its memory is damaged.
    """
    folder = installation.data / "bands"
    held = HeldFile(folder / f"{name}.lock", f"The band {name!r}")
    memory = FileMemory(folder / f"{name}.se")
    kind = device_named(profile)
    if memory.load() is None:
        installation.factory.make(memory, kind, made_on=installation.clock.now().date())
    try:
        element = Element(memory, kind, installation.entropy)
    except DecodeError as error:
        held.release()
        raise ConfigurationError(
            f"The memory of the band {name!r}, {folder / name}.se, is damaged ({error}); "
            "restore it from a back-up."
        ) from error
    serial = element.status(installation.clock.now()).serial
    return Band(name, serial.hex(), element, held)
