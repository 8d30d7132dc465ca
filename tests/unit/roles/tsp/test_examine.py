"""One test for each way in which a debit is refused, and whether its number burns.

A plain `Decline` burns nothing; an `Admitted` burns the number, and `refusal` in it declines.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.roles.tsp.debits import NOW, RULES, VaultBench
from zheton.core.debit import Admitted
from zheton.core.decline import Decline, Reason
from zheton.core.emv import tags
from zheton.core.emv.iad import AcType, CardVerificationResults, IssuerApplicationData
from zheton.core.iso8583.message import Message
from zheton.core.token.batch import Batch
from zheton.core.token.domain import Channel
from zheton.core.token.lifecycle import BatchStatus, CardStatus, Verb
from zheton.roles.tsp.dynamic_code import dynamic_code
from zheton.roles.tsp.examine import CODE_TRIES


def admitted(bench: VaultBench, message: Message, now: datetime = NOW) -> Admitted:
    (verdict,) = bench.examine(message, now=now)
    assert isinstance(verdict, Admitted), verdict
    return verdict


def declined(bench: VaultBench, message: Message, now: datetime = NOW) -> Reason:
    """The reason of a refusal that burns nothing."""
    (verdict,) = bench.examine(message, now=now)
    assert isinstance(verdict, Decline), verdict
    return verdict.reason


def refused(bench: VaultBench, message: Message, now: datetime = NOW) -> tuple[Reason, str | None]:
    """Reason and rule of a refusal with a right proof, which burns."""
    refusal = admitted(bench, message, now).refusal
    assert refusal is not None
    return refusal.reason, refusal.rule


def burn(bench: VaultBench, message: Message) -> None:
    verdict = admitted(bench, message)
    with bench.vault.transaction() as tx:
        assert tx.burn([verdict], NOW)


@pytest.mark.parametrize("scheme", ["mastercard", "unionpay"])
def test_a_right_proof_is_admitted(bench: VaultBench, scheme: str) -> None:
    batch = bench.leased(scheme)
    for place in (0, 31, 63):
        verdict = admitted(bench, bench.at_till(batch, place))
        assert verdict.refusal is None
        assert verdict.session_key == bench.key(batch, place)
        assert verdict.card.id == batch.card
        assert verdict.generation == 0


def test_a_number_that_nobody_leased_is_unknown(bench: VaultBench) -> None:
    batch = bench.leased()
    elsewhere = replace(batch, batch=batch.batch + 64)
    assert declined(bench, bench.at_till(elsewhere)) is Reason.UNKNOWN_NUMBER


def test_another_expiry_is_another_generation(bench: VaultBench) -> None:
    batch = replace(bench.leased(), expiry="2912")
    assert declined(bench, bench.at_till(batch)) is Reason.UNKNOWN_NUMBER


def test_a_lease_ends_at_its_second(bench: VaultBench) -> None:
    batch = bench.leased()
    message = bench.at_till(batch)
    assert batch.until == datetime(2019, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert admitted(bench, message, batch.until - timedelta(milliseconds=1))
    assert declined(bench, message, batch.until) is Reason.EXPIRED


def test_a_suspended_or_deleted_card_pays_nothing(bench: VaultBench) -> None:
    batch = bench.leased()
    message = bench.at_till(batch)
    for status in (CardStatus.SUSPENDED, CardStatus.DELETED):
        with bench.database.transaction() as connection:
            connection.exec_driver_sql("UPDATE card SET status = ?", (status.value,))
        assert declined(bench, message) is Reason.SUSPENDED


def test_an_enrolment_takes_its_numbers_along(bench: VaultBench) -> None:
    batch = bench.leased()
    message = bench.at_till(batch)
    bench.change(batch.enrolment, Verb.SUSPEND)
    assert declined(bench, message) is Reason.SUSPENDED
    bench.change(batch.enrolment, Verb.UNSUSPEND)
    assert admitted(bench, message).refusal is None
    bench.change(batch.enrolment, Verb.DELETE)
    assert declined(bench, message) is Reason.SUSPENDED


@pytest.mark.parametrize("status", list(BatchStatus))
def test_only_a_batch_that_is_out_pays(bench: VaultBench, status: BatchStatus) -> None:
    batch = bench.leased()
    message = bench.at_till(batch)
    bench.set_status(batch, status)
    if status in (BatchStatus.OFFERED, BatchStatus.PROVISIONED, BatchStatus.ACTIVE):
        assert admitted(bench, message).refusal is None
    elif status is BatchStatus.FREE:  # nobody's any more: as if it had never been leased
        assert declined(bench, message) is Reason.UNKNOWN_NUMBER
    else:
        assert declined(bench, message) is Reason.SUSPENDED


def test_a_burnt_number_is_a_replay_whatever_it_proves(bench: VaultBench) -> None:
    batch = bench.leased()
    message = bench.at_till(batch, 63)
    burn(bench, message)
    assert declined(bench, message) is Reason.REPLAY
    garbled = bench.at_till(batch, 63, changed={tags.APPLICATION_CRYPTOGRAM: bytes(8)})
    assert declined(bench, garbled) is Reason.REPLAY
    assert admitted(bench, bench.at_till(batch, 62)).refusal is None


def test_without_the_proof_a_number_tells_nothing_of_its_state(bench: VaultBench) -> None:
    """Whoever sends numbers alone hears 63 of every one that is leased, whatever became of it."""
    batch, credential = bench.leased(), bench.online(serial=2)
    wrong = f"{(int(credential.code) + 1) % 10**6:06d}"
    guesses = (
        bench.at_till(batch, changed={tags.APPLICATION_CRYPTOGRAM: bytes(8)}),
        bench.at_shop(credential, code=wrong),
    )

    def codes(now: datetime = NOW) -> set[str]:
        verdicts = bench.examine(*guesses, now=now)
        return {v.response_code for v in verdicts if isinstance(v, Decline)}

    assert codes() == {"63"}
    assert codes(batch.until) == {"63"}
    for table, status in (("batch", "suspended"), ("batch", "deleted"), ("card", "suspended")):
        with bench.database.transaction() as connection:
            connection.exec_driver_sql(f"UPDATE {table} SET status = ?", (status,))  # noqa: S608
        assert codes() == {"63"}


@pytest.mark.parametrize("counter", [0, 2, 65, 0xFFFF])
def test_the_counter_belongs_to_the_number(bench: VaultBench, counter: int) -> None:
    """Even where the chip signed it: the key of that counter is another one, but be sure."""
    signed = {tags.ATC: counter.to_bytes(2)}
    message = bench.at_till(bench.leased(), 0, signed=signed)
    assert declined(bench, message) is Reason.CHIP_DATA_MISMATCH


@pytest.mark.parametrize("kind", [AcType.TC, AcType.AAC])
@pytest.mark.parametrize("scheme", ["mastercard", "unionpay"])
def test_the_cards_own_results_must_say_arqc(bench: VaultBench, scheme: str, kind: AcType) -> None:
    """9F27 is not signed in every version: a till must not make an AAC into an approval."""
    batch = bench.leased(scheme)
    version = bench.scheme(batch).cryptogram
    results = CardVerificationResults(kind)
    data = IssuerApplicationData(version.cvn, batch.key_version, results).encode(version)
    message = bench.at_till(batch, signed={tags.ISSUER_APPLICATION_DATA: data})
    assert declined(bench, message) is Reason.CHIP_DATA_MISMATCH


@pytest.mark.parametrize(
    "tag",
    [
        tags.ATC,
        tags.ISSUER_APPLICATION_DATA,
        tags.APPLICATION_CRYPTOGRAM,
        tags.UNPREDICTABLE_NUMBER,
        tags.TERMINAL_VERIFICATION_RESULTS,
        tags.APPLICATION_INTERCHANGE_PROFILE,
    ],
)
def test_nothing_that_the_cryptogram_is_made_of_may_lack(bench: VaultBench, tag: int) -> None:
    message = bench.at_till(bench.leased(), changed={tag: None})
    assert declined(bench, message) is Reason.CHIP_DATA_MISMATCH


@pytest.mark.parametrize("scheme", ["mastercard", "unionpay"])
@pytest.mark.parametrize(
    "data", [b"", bytes(18), bytes(32), b"\xff" * 18, b"\x0f" * 32, b"\1\x14" + b"\xff" * 16]
)
def test_issuer_data_of_any_bytes_raise_nothing(
    bench: VaultBench, scheme: str, data: bytes
) -> None:
    batch = bench.leased(scheme)
    message = bench.at_till(batch, changed={tags.ISSUER_APPLICATION_DATA: data})
    assert declined(bench, message) in (Reason.CHIP_DATA_MISMATCH, Reason.WRONG_CRYPTOGRAM)


@pytest.mark.parametrize("cryptogram", [bytes(8), b"", bytes(7), bytes(9)])
def test_a_wrong_cryptogram_burns_and_suspends_nothing(
    bench: VaultBench, cryptogram: bytes
) -> None:
    batch = bench.leased()
    wrong = bench.at_till(batch, changed={tags.APPLICATION_CRYPTOGRAM: cryptogram})
    for _ in range(5):
        assert declined(bench, wrong) is Reason.WRONG_CRYPTOGRAM
    assert bench.burnt(batch) == 0
    assert admitted(bench, bench.at_till(batch)).refusal is None


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (tags.UNPREDICTABLE_NUMBER, b"\1\2\3\4"),
        (tags.TERMINAL_VERIFICATION_RESULTS, bytes(4) + b"\1"),
        (tags.APPLICATION_INTERCHANGE_PROFILE, b"\x12\x81"),
    ],
)
def test_the_cryptogram_covers_what_message_and_chip_do_not_share(
    bench: VaultBench, tag: int, value: bytes
) -> None:
    message = bench.at_till(bench.leased(), changed={tag: value})
    assert declined(bench, message) is Reason.WRONG_CRYPTOGRAM


def test_a_cryptogram_is_good_for_its_own_number_only(bench: VaultBench) -> None:
    batch = bench.leased()
    other = bench.read(bench.at_till(batch, 1)).chip
    assert other is not None
    wanted = (tags.APPLICATION_CRYPTOGRAM, tags.UNPREDICTABLE_NUMBER)
    message = bench.at_till(batch, 0, changed={tag: other[tag] for tag in wanted})
    assert declined(bench, message) is Reason.WRONG_CRYPTOGRAM


def test_a_till_number_does_not_pay_online(bench: VaultBench) -> None:
    """It burns nothing: six digits prove nothing of a number that was made for a chip."""
    batch = bench.leased()
    credential = replace(
        bench.online(serial=2),
        number=bench.number(batch),
        expiry=batch.expiry,
        code=dynamic_code(bench.key(batch, 0)),
    )
    assert declined(bench, bench.at_shop(credential)) is Reason.WRONG_CODE


def test_an_online_number_does_not_pay_at_a_till(bench: VaultBench) -> None:
    batch = bench.leased(channel=Channel.ONLINE)
    assert refused(bench, bench.at_till(batch)) == (Reason.DOMAIN_CHANNEL, "domain-channel")


@pytest.mark.parametrize("scheme", ["mastercard", "unionpay"])
def test_a_large_amount_wants_the_cardholder_verified(bench: VaultBench, scheme: str) -> None:
    """The chip says whether it was; under the country's limit, and online, nobody asks."""
    batch = bench.leased(scheme)
    version = bench.scheme(batch).cryptogram
    limit = {"mastercard": 100_000, "unionpay": 100_000}[scheme]

    def tap(place: int, minor: int, results: CardVerificationResults) -> Message:
        data = IssuerApplicationData(version.cvn, batch.key_version, results).encode(version)
        signed = {tags.ISSUER_APPLICATION_DATA: data}
        return bench.at_till(batch, place, amount_minor=minor, signed=signed)

    nobody = CardVerificationResults(AcType.ARQC)
    failed = CardVerificationResults(AcType.ARQC, cdcvm_performed=True)
    verified = CardVerificationResults(AcType.ARQC, cdcvm_performed=True, cdcvm_successful=True)
    assert admitted(bench, tap(0, limit, nobody)).refusal is None
    assert refused(bench, tap(1, limit + 1, nobody)) == (Reason.CVM_REQUIRED, "domain-cvm")
    assert refused(bench, tap(2, limit + 1, failed)) == (Reason.CVM_REQUIRED, "domain-cvm")
    assert admitted(bench, tap(3, limit + 1, verified)).refusal is None
    held = [
        tap(place, limit, each).with_fields({25: "06"})
        for place, each in ((4, nobody), (5, verified))
    ]
    assert refused(bench, held[0]) == (Reason.CVM_REQUIRED, "domain-cvm"), "it may rise"
    assert admitted(bench, held[1]).refusal is None


def test_the_limit_of_one_debit(bench: VaultBench) -> None:
    batch = bench.leased()
    assert admitted(bench, bench.at_till(batch, 0, amount_minor=500_000)).refusal is None
    above = bench.at_till(batch, 1, amount_minor=500_001)
    assert refused(bench, above) == (Reason.AMOUNT_LIMIT, "domain-amount")


def test_the_policy_is_asked_where_and_when_the_till_is(bench: VaultBench) -> None:
    batch = bench.leased()
    germany = bench.at_till(
        batch, fields={19: "276"}, signed={tags.TERMINAL_COUNTRY_CODE: b"\x02\x76"}
    )
    assert refused(bench, germany) == (Reason.POLICY, "elsewhere")
    india = bench.at_till(
        batch, fields={19: "356"}, signed={tags.TERMINAL_COUNTRY_CODE: b"\x03\x56"}
    )
    assert refused(bench, india) == (Reason.POLICY, "in-till")
    early = bench.at_till(batch)
    before_launch = datetime(2019, 8, 30, 23, 59, 59, tzinfo=UTC)
    assert refused(bench, early, before_launch) == (Reason.POLICY, "ru-launch")
    assert admitted(bench, early, before_launch + timedelta(seconds=1)).refusal is None


# Online


def test_the_right_code_is_admitted(bench: VaultBench) -> None:
    verdict = admitted(bench, bench.at_shop(bench.online()))
    assert verdict.refusal is None
    assert verdict.binds_shop
    assert verdict.session_key is None
    assert not admitted(bench, bench.at_shop(bench.online(merchant="MSKBOOKS"))).binds_shop


def test_an_online_number_that_was_never_given_out_is_unknown(bench: VaultBench) -> None:
    batch = bench.leased(channel=Channel.ONLINE)
    credential = replace(
        bench.online(serial=2),
        number=bench.number(batch, 5),
        expiry=batch.expiry,
        code=dynamic_code(bench.key(batch, 5)),
    )
    assert declined(bench, bench.at_shop(credential)) is Reason.UNKNOWN_NUMBER


def test_the_minutes_of_an_online_number_end(bench: VaultBench) -> None:
    message = bench.at_shop(bench.online(minutes=10))
    over = NOW + timedelta(minutes=10)
    assert admitted(bench, message, over - timedelta(milliseconds=1)).refusal is None
    assert declined(bench, message, over) is Reason.EXPIRED


def test_three_wrong_codes_end_a_number(bench: VaultBench) -> None:
    credential = bench.online()
    wrong = f"{(int(credential.code) + 1) % 10**6:06d}"
    for _ in range(CODE_TRIES):
        assert declined(bench, bench.at_shop(credential, code=wrong)) is Reason.WRONG_CODE
    assert declined(bench, bench.at_shop(credential)) is Reason.WRONG_CODE


def test_guesses_that_come_together_are_not_more_than_three(bench: VaultBench) -> None:
    """The right code stands fourth in one group: nobody may look that far."""
    credential = bench.online()
    wrong = [f"{(int(credential.code) + n) % 10**6:06d}" for n in (1, 2, 3)]
    guesses = [bench.at_shop(credential, code=code) for code in (*wrong, credential.code)]
    verdicts = bench.examine(*guesses)
    assert [v.reason for v in verdicts if isinstance(v, Decline)] == [
        *[Reason.WRONG_CODE] * 4,
    ]
    assert isinstance(verdicts[3], Decline)
    assert "has ended" in verdicts[3].text


def test_the_third_try_may_be_right(bench: VaultBench) -> None:
    credential = bench.online()
    wrong = f"{(int(credential.code) + 1) % 10**6:06d}"
    guesses = [bench.at_shop(credential, code=code) for code in (wrong, wrong, credential.code)]
    assert isinstance(bench.examine(*guesses)[2], Admitted)


@pytest.mark.parametrize("code", ["", "0", "12345", "0000000", "abcdef"])
def test_a_code_of_another_shape_is_wrong(bench: VaultBench, code: str) -> None:
    assert declined(bench, bench.at_shop(bench.online(), code=code)) is Reason.WRONG_CODE


def test_a_code_of_any_character_raises_nothing(bench: VaultBench) -> None:
    debit = bench.read(bench.at_shop(bench.online()))
    strange = [replace(debit, code=code) for code in ("тайна!", "\ud800", None)]
    verdicts = bench.tokens.examine(strange, NOW)
    assert [v.reason for v in verdicts if isinstance(v, Decline)] == [Reason.WRONG_CODE] * 3


def test_an_online_number_belongs_to_its_shop(bench: VaultBench) -> None:
    message = bench.at_shop(bench.online(merchant="MSKTEA"), merchant="MSKBOOKS")
    assert refused(bench, message) == (Reason.DOMAIN_MERCHANT, "domain-merchant")


def test_an_online_number_has_an_amount_and_a_currency(bench: VaultBench) -> None:
    assert admitted(bench, bench.at_shop(bench.online(), amount_minor=100_000)).refusal is None
    above = bench.at_shop(bench.online(), amount_minor=100_001)
    assert refused(bench, above) == (Reason.AMOUNT_LIMIT, "domain-amount")
    dollars = bench.at_shop(bench.online(), fields={49: "840"})
    assert refused(bench, dollars) == (Reason.AMOUNT_LIMIT, "domain-amount")


def test_verdicts_come_in_the_order_of_the_debits(bench: VaultBench) -> None:
    batch = bench.leased()
    messages = [
        bench.at_till(batch, 3),
        bench.at_till(batch, 4, changed={tags.APPLICATION_CRYPTOGRAM: bytes(8)}),
        bench.at_shop(bench.online(serial=2)),
        bench.at_till(replace(batch, batch=batch.batch + 64)),
        bench.at_till(batch, 5),
    ]
    verdicts = bench.examine(*messages, rules=RULES)
    kinds = [v.reason if isinstance(v, Decline) else v.debit.at.slot.place for v in verdicts]
    wrong, unknown = Reason.WRONG_CRYPTOGRAM, Reason.UNKNOWN_NUMBER
    assert kinds == [3, wrong, 0, unknown, 5]


def test_another_generation_has_other_counters_and_keys(bench: VaultBench) -> None:
    batch = bench.leased()
    first = bench.at_till(batch)
    assert admitted(bench, first).generation == 0
    with bench.vault.transaction() as tx:
        tx.connection.exec_driver_sql("UPDATE batch SET generation = 1")
    assert declined(bench, first) is Reason.CHIP_DATA_MISMATCH
    again: Batch = replace(batch, generation=1)
    assert admitted(bench, bench.at_till(again)).generation == 1
