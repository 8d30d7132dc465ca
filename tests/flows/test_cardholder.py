"""With the passcode and without it, below a country's limit and above: band, till, vault."""

import pytest

from tests.flows.test_provision import Field, examine, provisioned_band
from tests.flows.test_tap import Field as BenchField
from tests.flows.test_tap import pay as pay_at_bench
from tests.unit.roles.element.conftest import MASTERCARD, PASSCODE, UNIONPAY, Bench
from tests.wallet_lab import Band, lab
from zheton.adapters.terminal_file import load_terminal
from zheton.core.country import country
from zheton.core.debit import Admitted
from zheton.core.money import currency, money
from zheton.core.scheme import Scheme
from zheton.roles.element.arming import Armed
from zheton.roles.element.words import Refusal
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import Declined, OnlineRequest, Outcome
from zheton.roles.terminal.state import Transaction

NETWORKS = pytest.mark.parametrize("scheme", [MASTERCARD, UNIONPAY], ids=lambda s: s.name)


def pay(band: Band, amount: str) -> Outcome:
    now = band.clock.now()
    assert isinstance(band.element.arm(now), Armed)
    till = load_terminal(country("RU"), currency("RUB"))
    charge = Transaction(money(amount, "RUB"), now.date(), now.time(), b"\1\2\3\4", 7)
    return tap(Field(band), till, charge)


def test_the_limits_travel_from_the_vault_to_the_chip_and_back_in_its_word() -> None:
    with lab() as world:
        _, band, _ = provisioned_band(world)
        band.element.put_on()
        small = pay(band, "350")
        assert isinstance(small, OnlineRequest)
        admitted = examine(world, small.sale)
        assert isinstance(admitted, Admitted) and admitted.refusal is None
        assert isinstance(pay(band, "1000.01"), Declined)
        assert band.element.status(band.clock.now()).refused is Refusal.PASSCODE_NEEDED
        assert band.element.set_passcode(PASSCODE).right
        assert band.element.enter_passcode(PASSCODE, band.clock.now()).right
        large = pay(band, "1000.01")
        assert isinstance(large, OnlineRequest)
        assert large.sale.cvm_results.hex() == "010002"
        admitted = examine(world, large.sale, amount=money("1000.01", "RUB"))
        assert isinstance(admitted, Admitted) and admitted.refusal is None
        kept = band.element.log(band.element.status(band.clock.now()).cards[0].card_ref)
        assert [each.amount_minor for each in kept] == [100_001, 100_001, 35_000]


@NETWORKS
@pytest.mark.parametrize("amount", ["0.01", "1000", "1000.01", "150000"])
def test_a_till_takes_from_an_unproven_wearer_what_needs_no_proof(
    scheme: Scheme, amount: str
) -> None:
    bench = Bench()
    bench.load(scheme)
    bench.element.put_on()
    assert isinstance(bench.element.arm(bench.now), Armed)
    outcome = pay_at_bench(BenchField(bench), amount)
    if float(amount) <= 1000:
        assert isinstance(outcome, OnlineRequest)
        assert outcome.sale.cvm_results.hex() == "3f0002"
    else:
        assert isinstance(outcome, Declined)
        assert bench.element.status(bench.now).refused is Refusal.PASSCODE_NEEDED
        bench.arm()  # which puts in the passcode
        again = pay_at_bench(BenchField(bench), amount)
        assert isinstance(again, OnlineRequest)
        assert again.sale.cvm_results.hex() == "010002"
