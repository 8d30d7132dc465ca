"""Only a device that a known maker made is registered: any other is refused, and kept nowhere."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from tests.wallet_lab import MAKER, SERIAL, Lab, certificate, chip_key, lab
from zheton.adapters.device_files import device_named
from zheton.adapters.element_memory import TransientMemory
from zheton.adapters.entropy import SystemEntropy
from zheton.apps.companion import Companion
from zheton.core.crypto import rsa
from zheton.core.crypto.rsa import PrivateKey
from zheton.core.emv.device_certificate import CertifiedDevice, certify_device
from zheton.core.emv.device_proof import Evidence, prove
from zheton.core.errors import ConflictError, RefusedError
from zheton.core.token.domain import Device
from zheton.roles.element.element import Element, Interface
from zheton.roles.element.manufacture import OwnKey, manufacture

KIND = "mi-band-4-nfc"
DEVICE = "0d" * 16


@pytest.fixture
def world() -> Iterator[Lab]:
    with lab() as made:
        yield made


def self_made(
    world: Lab, shown: bytes, key: PrivateKey, serial: bytes = SERIAL
) -> tuple[str, Companion]:
    """A user, and the companion of a chip that somebody has put together."""
    memory = TransientMemory()
    manufacture(
        memory,
        serial=serial,
        payment_keys=world.keys.device_keys(serial.hex()),
        own_key=OwnKey(key, shown),
    )
    element = Element(memory, device_named(KIND), SystemEntropy())
    app = world.sign_up()
    transmit = partial(element.transmit, Interface.HOST, now=world.clock.now())
    return app.user, Companion(app.http, transmit)


def refuse(world: Lab, made: tuple[str, Companion], serial: bytes = SERIAL) -> str:
    """The words in which a registration is refused; nobody has the device afterwards."""
    user, companion = made
    with pytest.raises(RefusedError) as refused:
        companion.register(user, serial.hex(), KIND)
    with world.wallet_desk.store.transaction() as tx:
        assert tx.device_by_serial(serial.hex()) is None
    with world.desk.vault.transaction() as vault:
        assert vault.device_by_serial(serial.hex()) is None
    return str(refused.value)


def test_a_band_from_the_factory_is_registered_with_its_key_and_asking_again_is_nothing(
    world: Lab,
) -> None:
    anna, band = world.sign_up(), world.band()
    device = anna.register(band)
    assert anna.register(band) == device
    with world.desk.vault.transaction() as tx:
        known = tx.device_by_serial(SERIAL.hex())
    assert known is not None
    assert known.chip_key == chip_key().public


def test_a_chip_without_a_certificate_is_refused(world: Lab) -> None:
    said = refuse(world, self_made(world, b"", chip_key()))
    assert "GET DATA" in said


def test_a_chip_that_its_owner_certified_is_refused(world: Lab) -> None:
    own = rsa.generate(1152)
    kind = CertifiedDevice(SERIAL, own.public, "band", KIND)
    said = refuse(world, self_made(world, certify_device(b"m" * 32, kind), own))
    assert "no certificate of a maker that is known here" in said


def test_a_cloned_certificate_without_its_key_is_refused(world: Lab) -> None:
    said = refuse(world, self_made(world, certificate(SERIAL), rsa.generate(1152)))
    assert "does not have the key of its certificate" in said


def test_a_certificate_of_another_serial_number_or_class_is_refused(world: Lab) -> None:
    other = bytes(9) + b"\x01"
    said = refuse(world, self_made(world, certificate(SERIAL), chip_key(), other), other)
    assert "for another device" in said
    ring = certificate(SERIAL, "ring")
    assert "for another device" in refuse(world, self_made(world, ring, chip_key()))


def evidence(world: Lab, serial: bytes, challenge: bytes) -> Evidence:
    proof = prove(chip_key(), serial, challenge, SystemEntropy().take(144))
    return Evidence(certificate(serial), challenge, proof)


def test_a_challenge_is_answered_within_ten_minutes_and_by_its_chip_alone(world: Lab) -> None:
    tokens, serial = world.wallet_desk.tokens, SERIAL.hex()
    other = bytes(10)
    asked = tokens.challenge_device(serial)
    for bad in (
        evidence(world, SERIAL, bytes(40)),
        evidence(world, SERIAL, asked[:8] + bytes(32)),
        evidence(world, SERIAL, tokens.challenge_device(other.hex())),
    ):
        with pytest.raises(RefusedError, match="challenge"):
            tokens.register_device(DEVICE, serial, Device.BAND, bad)
    good = evidence(world, SERIAL, asked)
    with pytest.raises(RefusedError, match="does not have the key"):
        tokens.register_device(DEVICE, serial, Device.BAND, replace(good, proof=bytes(144)))
    world.clock.advance(timedelta(minutes=9, seconds=59))
    tokens.register_device(DEVICE, serial, Device.BAND, good)
    world.clock.advance(timedelta(seconds=1))
    with pytest.raises(RefusedError, match="challenge"):
        tokens.register_device(DEVICE, serial, Device.BAND, good)


def test_a_chip_has_one_key_for_life(world: Lab) -> None:
    world.sign_up().register(world.band())
    again, tokens = rsa.generate(1152), world.wallet_desk.tokens
    shown = certify_device(MAKER, CertifiedDevice(SERIAL, again.public, "band", KIND))
    challenge = tokens.challenge_device(SERIAL.hex())
    proof = prove(again, SERIAL, challenge, SystemEntropy().take(144))
    with world.wallet_desk.store.transaction() as tx:
        device = tx.device_by_serial(SERIAL.hex())
    assert device is not None
    with pytest.raises(ConflictError):
        tokens.register_device(
            device.id, SERIAL.hex(), Device.BAND, Evidence(shown, challenge, proof)
        )
