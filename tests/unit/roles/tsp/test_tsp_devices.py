"""A chip has one owner at the token service, whoever names it."""

from dataclasses import replace

import pytest

from tests.wallet_lab import lab
from zheton.core.errors import ConflictError, NotFoundError
from zheton.core.token.domain import Device
from zheton.roles.tsp.devices import register
from zheton.roles.tsp.standing import look_up
from zheton.roles.tsp.state import RegisteredDevice

BAND = RegisteredDevice("0" * 32, "1" * 20, Device.BAND)


def test_a_device_is_known_once_and_stays_what_it_is() -> None:
    with lab() as world:
        vault = world.desk.vault
        register(vault, BAND)
        register(vault, BAND)
        for other in (
            replace(BAND, id="2" * 32),
            replace(BAND, serial="2" * 20),
            replace(BAND, device=Device.RING),
        ):
            with pytest.raises(ConflictError):
                register(vault, other)
        with vault.transaction() as tx:
            assert tx.device(BAND.id) == tx.device_by_serial(BAND.serial) == BAND
            assert tx.device("2" * 32) is None and tx.device_by_serial("2" * 20) is None


@pytest.mark.parametrize("name", ["0" * 32, "zz" + "0" * 30, ""])
def test_an_enrolment_that_is_none_is_not_found(name: str) -> None:
    with lab() as world, pytest.raises(NotFoundError):
        look_up(world.desk.vault, name)
