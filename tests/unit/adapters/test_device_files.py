"""Device profiles: those that the package brings, and files that are wrong."""

from pathlib import Path

import pytest

from zheton.adapters.device_files import device_named, load_devices, read_device
from zheton.core.errors import ConfigurationError
from zheton.roles.element.profile import DeviceClass

GOOD = """
name = "x"
title = "X"
device_class = "band"
screen = true
button = true
wrist_sensor = true
cards = 6
batches = 3
window_seconds = 60
passcode_entry = true
passcode_minutes = 1440
pays_unverified = true
"""


def test_the_kinds_of_device() -> None:
    devices = load_devices()
    assert set(devices) == {"mi-band-3-nfc", "mi-band-4-nfc", "watch", "ring", "phone"}
    assert {device.device_class for device in devices.values()} == set(DeviceClass)
    ring = device_named("ring")
    assert (ring.screen, ring.button, ring.wrist_sensor) == (False, False, False)
    assert device_named("mi-band-3-nfc").wrist_sensor


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ConfigurationError, match="mi-band-3-nfc"):
        device_named("toaster")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name =", "nane =", "nane"),
        ("cards = 6", "cards = 7", "cards"),
        ("cards = 6", 'cards = "6"', "cards"),
        ("screen = true", "screen = 1", "screen"),
        ("window_seconds = 60", "window_seconds = 0", "window_seconds"),
        ('"band"', '"hat"', "band, watch, ring, phone"),
        ("cards = 6", "cards = = 6", "can't be read"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "device.toml"
    file.write_text(GOOD)
    assert read_device(file).name == "x"
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(ConfigurationError, match=said):
        read_device(file)
