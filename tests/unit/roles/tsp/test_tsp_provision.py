"""Devices are filled and online numbers made for those who may have them, and for nobody else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.roles.tsp.debits import BAND, NOW, VaultBench, card_number, opened
from zheton.adapters.app_key import fresh_app_key, open_for_app
from zheton.core.debit import Admitted
from zheton.core.decline import Decline, Reason
from zheton.core.errors import ConflictError, NotFoundError, VerificationError
from zheton.core.iso8583 import subelements
from zheton.core.money import money
from zheton.core.token.batch import BATCH_SIZE, Batch
from zheton.core.token.domain import Channel, Device
from zheton.core.token.lifecycle import BatchStatus, Verb
from zheton.roles.tsp.devices import register
from zheton.roles.tsp.provision import BATCHES_MAX, Package, certify, provision, provisioned
from zheton.roles.tsp.state import Enrolment, RegisteredDevice
from zheton.roles.tsp.tokenise import Tokenised, tokenise
from zheton.roles.tsp.transact import MINUTES_MAX, SealedCredential, transact


def package(
    bench: VaultBench, enrolment: Enrolment, batches: int = 1, counter: int = 1
) -> Package | Decline:
    return provision(bench.desk, enrolment.id, BAND.id, counter=counter, batches=batches, now=NOW)


def batches(bench: VaultBench, enrolment: Enrolment) -> list[Batch]:
    with bench.vault.transaction() as tx:
        return tx.batches_of(enrolment)


def transacted(
    bench: VaultBench, enrolment: Enrolment, minutes: int = 10
) -> SealedCredential | Decline:
    return transact(
        bench.desk,
        enrolment.id,
        BAND.id,
        money("1000", "RUB"),
        merchant="",
        minutes=minutes,
        now=NOW,
    )


def indian(bench: VaultBench) -> Enrolment:
    bench.bank.tar = "00"
    made = tokenise(bench.desk, bench.envelope(card_number()), "IN", NOW)
    assert isinstance(made, Tokenised), made
    return made.enrolment


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (1, 1), (3, 3), (99, BATCHES_MAX)])
def test_a_package_brings_a_bounded_count_of_batches(
    bench: VaultBench, asked: int, given: int
) -> None:
    enrolment, _ = bench.enrolled()
    made = package(bench, enrolment, asked)
    assert isinstance(made, Package)
    assert made.numbers == given * BATCH_SIZE
    leased = batches(bench, enrolment)
    assert len(leased) == given
    for batch in leased:
        assert (batch.status, batch.channel) == (BatchStatus.OFFERED, Channel.TILL)
        assert (batch.device_id, batch.expiry) == (BAND.id, "1912")
        assert isinstance(bench.examine(bench.at_till(batch))[0], Admitted)


def test_a_package_shows_no_number_to_whoever_carries_it(bench: VaultBench) -> None:
    enrolment, _ = bench.enrolled()
    made = package(bench, enrolment)
    assert isinstance(made, Package)
    (batch,) = batches(bench, enrolment)
    carried = b"".join(made.commands)
    for place in range(BATCH_SIZE):
        assert bytes.fromhex(bench.number(batch, place)) not in carried
        assert bench.number(batch, place).encode() not in carried
        assert bench.key(batch, place) not in carried


def test_a_package_that_was_lost_costs_no_numbers(bench: VaultBench) -> None:
    enrolment, _ = bench.enrolled()
    first = package(bench, enrolment, 2)
    before = batches(bench, enrolment)
    again = package(bench, enrolment, 2, counter=2)
    assert batches(bench, enrolment) == before
    assert isinstance(first, Package)
    assert isinstance(again, Package)
    assert again.commands != first.commands  # another session
    package(bench, enrolment, 3, counter=3)
    assert len(batches(bench, enrolment)) == 3


def test_what_the_chip_has_taken_is_not_offered_again(bench: VaultBench) -> None:
    enrolment, _ = bench.enrolled()
    package(bench, enrolment, 2)
    for _ in range(2):  # a second time is nothing
        provisioned(bench.desk, enrolment.id, NOW)
        assert [b.status for b in batches(bench, enrolment)] == [BatchStatus.PROVISIONED] * 2
    package(bench, enrolment, 1, counter=2)
    statuses = sorted(batch.status for batch in batches(bench, enrolment))
    assert statuses == [BatchStatus.OFFERED, BatchStatus.PROVISIONED, BatchStatus.PROVISIONED]


def test_a_batch_that_has_paid_is_not_offered_again(bench: VaultBench) -> None:
    """The chip had it, though it never said so."""
    enrolment, _ = bench.enrolled()
    package(bench, enrolment)
    (batch,) = batches(bench, enrolment)
    (verdict,) = bench.examine(bench.at_till(batch))
    assert isinstance(verdict, Admitted)
    with bench.vault.transaction() as tx:
        tx.burn([verdict], NOW)
    package(bench, enrolment, counter=2)
    assert len(batches(bench, enrolment)) == 2


def test_confirming_a_package_leaves_online_numbers_alone(bench: VaultBench) -> None:
    enrolment, _ = bench.enrolled()
    transacted(bench, enrolment)
    provisioned(bench.desk, enrolment.id, NOW)
    (batch,) = batches(bench, enrolment)
    assert batch.status is BatchStatus.OFFERED


@pytest.mark.parametrize("verb", [Verb.SUSPEND, Verb.DELETE])
def test_an_enrolment_that_does_not_stand_gets_nothing(bench: VaultBench, verb: Verb) -> None:
    enrolment, _ = bench.enrolled()
    status = bench.change(enrolment.id, verb).status
    with pytest.raises(ConflictError, match=status):
        package(bench, enrolment)
    with pytest.raises(ConflictError, match=status):
        transacted(bench, enrolment)
    assert batches(bench, enrolment) == []


def test_an_enrolment_that_waits_for_its_code_gets_nothing(bench: VaultBench) -> None:
    made = tokenise(bench.desk, bench.envelope(card_number()), "RU", NOW)
    assert isinstance(made, Tokenised)
    with pytest.raises(ConflictError, match="identifying"):
        package(bench, made.enrolment)
    with pytest.raises(ConflictError, match="identifying"):
        transacted(bench, made.enrolment)


def test_a_card_that_its_issuer_blocked_gets_nothing(bench: VaultBench) -> None:
    enrolment, _ = bench.enrolled()
    with bench.database.transaction() as connection:
        connection.exec_driver_sql("UPDATE card SET status = 'suspended'")
    with pytest.raises(ConflictError, match="issuer"):
        package(bench, enrolment)


def test_unknown_enrolments_and_devices_are_not_found(bench: VaultBench) -> None:
    enrolment, _ = bench.enrolled()
    for enrolment_id, device in (("00" * 16, BAND.id), (enrolment.id, "nobody")):
        with pytest.raises(NotFoundError):
            provision(bench.desk, enrolment_id, device, counter=1, batches=1, now=NOW)
        with pytest.raises(NotFoundError):
            transact(
                bench.desk,
                enrolment_id,
                device,
                money("1", "RUB"),
                merchant="",
                minutes=1,
                now=NOW,
            )
    with pytest.raises(NotFoundError):
        provisioned(bench.desk, "00" * 16, NOW)


def test_india_gets_online_numbers_and_no_band(bench: VaultBench) -> None:
    enrolment = indian(bench)
    refused = package(bench, enrolment)
    assert isinstance(refused, Decline)
    assert (refused.reason, refused.rule) == (Reason.POLICY, "in-till")
    assert batches(bench, enrolment) == []
    assert isinstance(transacted(bench, enrolment), SealedCredential)


def test_every_suspended_number_comes_back_and_no_deleted_one_does(bench: VaultBench) -> None:
    enrolment, _ = bench.enrolled()
    package(bench, enrolment)
    transacted(bench, enrolment)
    for verb, expected in (
        (Verb.SUSPEND, BatchStatus.SUSPENDED),
        (Verb.UNSUSPEND, BatchStatus.ACTIVE),
    ):
        bench.change(enrolment.id, verb)
        assert [batch.status for batch in batches(bench, enrolment)] == [expected] * 2
    bench.change(enrolment.id, Verb.DELETE)
    assert batches(bench, enrolment) == []


def test_every_online_number_is_another_one(bench: VaultBench) -> None:
    enrolment, _ = bench.enrolled()
    made = [transacted(bench, enrolment) for _ in range(BATCH_SIZE + 2)]
    numbers = {opened(each).number for each in made if isinstance(each, SealedCredential)}
    assert len(numbers) == BATCH_SIZE + 2
    assert len(batches(bench, enrolment)) == 2


@pytest.mark.parametrize(("asked", "given"), [(-1, 1), (0, 1), (10, 10), (999, MINUTES_MAX)])
def test_minutes_are_bounded(bench: VaultBench, asked: int, given: int) -> None:
    made = transacted(bench, bench.enrolled()[0], asked)
    assert isinstance(made, SealedCredential)
    assert made.expires_at == NOW + timedelta(minutes=given)


def test_an_online_number_shows_itself_to_its_owner_only(bench: VaultBench) -> None:
    made = transacted(bench, bench.enrolled()[0])
    assert isinstance(made, SealedCredential)
    read = opened(made)
    for secret in (read.number, read.code):
        assert secret not in repr(read) + repr(made) + made.jwe
    assert made.jwe not in repr(made)
    with pytest.raises(VerificationError):
        open_for_app(made.jwe, fresh_app_key())


# A card's owner names its chip, and nobody else does


def test_a_chip_that_the_owner_did_not_name_gets_nothing(bench: VaultBench) -> None:
    """The insider at the wallet registers a genuine band of his own and has it filled."""
    enrolment, _ = bench.enrolled()
    thiefs = RegisteredDevice("band-2", "ff" * 10, Device.BAND)
    register(bench.vault, thiefs)
    refused = provision(bench.desk, enrolment.id, thiefs.id, counter=1, batches=1, now=NOW)
    assert isinstance(refused, Decline)
    assert (refused.reason, refused.rule) == (Reason.DOMAIN_DEVICE, "domain-device")
    limit = money("1", "RUB")
    online = transact(bench.desk, enrolment.id, thiefs.id, limit, merchant="", minutes=1, now=NOW)
    assert isinstance(online, Decline)
    assert online.rule == "domain-device"
    assert batches(bench, enrolment) == []
    assert isinstance(package(bench, enrolment), Package)


# The issuer hears that a card pays from a device now


def told(bench: VaultBench) -> int:
    """How many times the issuer has heard that the tokenisation is complete."""
    parts = [subelements.decode(message.text(48)) for message in bench.bank.heard]
    return sum(part["25"] == "TCN" for part in parts)


def test_the_issuer_hears_of_the_first_package_on_the_chip_alone(bench: VaultBench) -> None:
    enrolment, _ = bench.enrolled()
    provisioned(bench.desk, enrolment.id, NOW)
    package(bench, enrolment)
    assert told(bench) == 0
    for counter in (2, 3):
        provisioned(bench.desk, enrolment.id, NOW)
        assert told(bench) == 1
        package(bench, enrolment, counter=counter)
    message = bench.bank.heard[-1]
    assert (message.text(2), message.text(14)) == (card_number().reveal(), "2812")


@pytest.mark.parametrize(("silent", "tcn"), [(True, "00"), (False, "05")])
def test_an_issuer_that_was_not_told_hears_of_the_next(
    bench: VaultBench, silent: bool, tcn: str
) -> None:
    enrolment, _ = bench.enrolled()
    package(bench, enrolment)
    bench.bank.silent, bench.bank.tcn = silent, tcn
    provisioned(bench.desk, enrolment.id, NOW)
    assert [batch.status for batch in batches(bench, enrolment)] == [BatchStatus.PROVISIONED]
    bench.bank.silent, bench.bank.tcn = False, "00"
    package(bench, enrolment, counter=2)
    before = told(bench)
    provisioned(bench.desk, enrolment.id, NOW)
    assert told(bench) == before + 1
    package(bench, enrolment, counter=3)
    provisioned(bench.desk, enrolment.id, NOW)
    assert told(bench) == before + 1


def test_a_chip_without_a_key_of_its_own_gets_no_certificates(bench: VaultBench) -> None:
    enrolment, _ = bench.enrolled()
    package(bench, enrolment)
    provisioned(bench.desk, enrolment.id, NOW)
    with pytest.raises(ConflictError):
        certify(bench.desk, enrolment.id, BAND.id, counter=2)


def test_a_chip_that_takes_a_package_confirms_no_batch_of_another(bench: VaultBench) -> None:
    enrolment, _ = bench.enrolled()
    package(bench, enrolment)
    offered = batches(bench, enrolment)[0]
    with bench.vault.transaction() as tx:
        tx.add_batches([replace(offered, batch=offered.batch + 64 * 50, device_id="band-2")])
    provisioned(bench.desk, enrolment.id, NOW)
    stands = {each.device_id: each.status for each in batches(bench, enrolment)}
    assert stands == {BAND.id: BatchStatus.PROVISIONED, "band-2": BatchStatus.OFFERED}
