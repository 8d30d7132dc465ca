"""Device profiles from the TOML files in `data/devices/`, one a kind of device."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from zheton.core.errors import ConfigurationError
from zheton.roles.element.profile import DeviceClass, DeviceProfile

_FIELDS: Mapping[str, type] = {
    "name": str,
    "title": str,
    "device_class": str,
    "screen": bool,
    "button": bool,
    "wrist_sensor": bool,
    "cards": int,
    "batches": int,
    "window_seconds": int,
    "passcode_entry": bool,
    "passcode_minutes": int,
    "pays_unverified": bool,
}


def load_devices() -> Mapping[str, DeviceProfile]:
    """The kinds of device that the package knows, by name; ConfigurationError on a bad file."""
    folder = resources.files("zheton") / "data" / "devices"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".toml")),
        key=lambda file: file.name,
    )
    profiles = [read_device(file) for file in files]
    return {profile.name: profile for profile in profiles}


def device_named(name: str) -> DeviceProfile:
    """The kind of device of this name; ConfigurationError if there is none."""
    devices = load_devices()
    if name not in devices:
        known = ", ".join(sorted(devices))
        raise ConfigurationError(f"No device is called {name!r}; there are {known}.")
    return devices[name]


def read_device(file: Traversable) -> DeviceProfile:
    """The profile in one file; ConfigurationError names the file and what to change."""
    try:
        values: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"The device file {file.name} can't be read: {error}.") from error
    wrong = set(values) ^ set(_FIELDS)
    if wrong:
        listed = ", ".join(sorted(wrong))
        raise ConfigurationError(f"The device file {file.name} misses or does not know: {listed}.")
    for name, kind in _FIELDS.items():
        if type(values[name]) is not kind:
            raise ConfigurationError(f"{name} in device file {file.name} is a {kind.__name__}.")
    try:
        values["device_class"] = DeviceClass(values["device_class"])
    except ValueError:
        known = ", ".join(DeviceClass)
        raise ConfigurationError(f"device_class in {file.name} is one of {known}.") from None
    return DeviceProfile(**values)
