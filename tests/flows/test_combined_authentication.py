"""A provisioned band's tap is authenticated offline: the till finds nothing wrong (TVR)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.wallet_lab import App, Band, Lab, lab
from zheton.adapters.terminal_file import load_terminal
from zheton.apps.lab.wearing import wear
from zheton.core.country import country
from zheton.core.money import currency, money
from zheton.core.token.batch import BATCH_SIZE
from zheton.roles.element.arming import Armed
from zheton.roles.element.element import Interface
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import OnlineRequest
from zheton.roles.terminal.state import Authority, Transaction
from zheton.roles.tsp.certify import FIRST_CERTIFIED
from zheton.roles.tsp.provision import Package, certify

NOT_PERFORMED = 0x80  # TVR, byte 1, b8: offline data authentication was not performed


@pytest.fixture
def world() -> Iterator[Lab]:
    with lab() as made:
        yield made


class Field:
    """The band in a till's field; its answers take no time by the till's stopwatch."""

    def __init__(self, world: Lab, band: Band) -> None:
        self._world, self._band = world, band

    def transceive(self, apdu: bytes) -> bytes:
        return self._band.element.transmit(Interface.NFC, apdu, self._world.clock.now())

    def elapsed_ms(self) -> float:
        return 0.0


def first_byte_of_tvr(world: Lab, band: Band) -> int:
    """Byte 1 of the TVR of one debit, at a till that knows the authority."""
    now, known = world.clock.now(), world.keys.authority()
    assert known is not None
    till = load_terminal(country("RU"), currency("RUB"))
    rids = {scheme.aid[:5] for scheme in world.desk.rules.schemes}
    authorities = tuple(Authority(each, known.index, known.key, known.until) for each in rids)
    till = replace(till, capabilities=bytes.fromhex("002808"), authorities=authorities)
    wear(band.element, now)
    assert isinstance(band.element.arm(now), Armed)
    further = (b"2222", b"3333")
    sale = Transaction(
        money("350", "RUB"), now.date(), now.time(), b"1111", 1, further_numbers=further
    )
    field = Field(world, band)
    outcome = tap(field, till, sale, field)
    assert isinstance(outcome, OnlineRequest), outcome
    return outcome.sale.tvr[0]


def provisioned(world: Lab) -> tuple[App, Band, str, str]:
    """A user, a band with a batch, its id and its card's token."""
    anna, band = world.sign_up(), world.band()
    device = anna.register(band)
    card = anna.active_card()
    assert anna.companion(band).sync(device, 0, card) is not None
    return anna, band, device, str(anna.get(f"/v1/creditCards/{card}")["tokenReference"])


def run(band: Band, package: Package) -> None:
    for command in package.commands:
        assert band.transmit(command)[-2:] == b"\x90\x00"


def test_the_first_numbers_of_a_batch_are_certified_and_the_others_once_they_have_followed(
    world: Lab,
) -> None:
    anna, band, device, token = provisioned(world)
    seen = [first_byte_of_tvr(world, band) for _ in range(FIRST_CERTIFIED + 1)]
    assert seen == [0] * FIRST_CERTIFIED + [NOT_PERFORMED]
    # They are made in another month: what they certify is still what the chip shows.
    world.clock.advance(timedelta(days=40))
    counter = anna.companion(band).counter()
    made = certify(world.desk, token, device, counter=counter)
    assert isinstance(made, Package)
    run(band, made)
    left = BATCH_SIZE - FIRST_CERTIFIED - 1
    assert [first_byte_of_tvr(world, band) for _ in range(left)] == [0] * left


def test_a_package_that_comes_again_a_month_later_certifies_what_the_chip_shows(
    world: Lab,
) -> None:
    anna, band = world.sign_up(), world.band()
    device, card = anna.register(band), anna.active_card()
    companion = anna.companion(band)
    need = {"counter": companion.counter(), "unspent": 0, "creditCard": card}
    given = anna.post(f"/v1/devices/{device}/commits", need)
    for apdu in given["commands"]:
        assert band.transmit(bytes.fromhex(apdu))[-2:] == b"\x90\x00"
    # The acknowledgement is lost, and the same batch is offered again.
    world.clock.advance(timedelta(days=31))
    assert companion.sync(device, 0, card) is not None
    assert band.element.credentials_left() == BATCH_SIZE
    assert first_byte_of_tvr(world, band) == 0
