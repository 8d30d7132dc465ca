"""The payment domain: only the holder of its keys changes anything, and each package once."""

from dataclasses import replace

import pytest

from tests.unit.roles.element.conftest import (
    HOST_CHALLENGE,
    KEYS,
    MASTERCARD,
    SERIAL,
    UNIONPAY,
    Bench,
    make_package,
    make_profile,
)
from zheton.adapters.entropy import SystemEntropy
from zheton.core.emv import perso, tlv
from zheton.core.emv.apdu import Command
from zheton.core.emv.perso import Dgi
from zheton.core.errors import ConfigurationError, ConflictError, VerificationError
from zheton.core.scp03.channel import SecurityLevel
from zheton.core.scp03.host import HostSession, initialize_update, open_session
from zheton.core.scp03.initialize import InitializeUpdateResponse
from zheton.core.scp03.keys import (
    StaticKeys,
    card_cryptogram,
    derive_session,
    pseudo_random_challenge,
)
from zheton.roles.element.element import Element, Interface
from zheton.roles.element.manufacture import manufacture

OTHER_KEYS = StaticKeys(*(bytes([start]) * 16 for start in (0x60, 0x61, 0x62)))


def package() -> list[Dgi]:
    return make_package(make_profile(MASTERCARD), MASTERCARD)


def wrapped(session: HostSession, dgis: list[Dgi]) -> list[Command]:
    return [session.wrap(command) for command in perso.store_data_commands(dgis)]


def test_select_describes_the_domain() -> None:
    response = Bench().select_domain()
    assert tlv.find(response.data, 0x6F, 0x84) == perso.PAYMENT_DOMAIN_AID
    assert tlv.find(response.data, 0x6F, 0xA5, 0x9F65) == b"\xff"


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        ("00A4040007A000000004101000", 0x6A82),
        ("00A404000E325041592E5359532E444446303100", 0x6A82),
        ("80500000081122334455667788", 0x6985),
        ("80E2880000", 0x6985),
        ("80F2400000", 0x6985),
        ("80F6400000", 0x6D00),
        ("A0A40000", 0x6E00),
        ("80A40400", 0x6E00),
        ("00E2880000", 0x6E00),
        ("00", 0x6700),
    ],
)
def test_before_selection(apdu: str, sw: int) -> None:
    bench = Bench()
    answer = bench.element.transmit(Interface.HOST, bytes.fromhex(apdu), bench.now)
    assert answer == sw.to_bytes(2)


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        (Command(0x80, 0x50, 0, 1, HOST_CHALLENGE), 0x6A86),
        (Command(0x80, 0x50, 9, 0, HOST_CHALLENGE), 0x6A88),
        (Command(0x80, 0x50, 0, 0, HOST_CHALLENGE[:7]), 0x6700),
        (Command(0x84, 0x82, 3, 0, bytes(16)), 0x6985),
        (Command(0x80, 0xE2, 0x88, 0, b"abc"), 0x6982),
        (Command(0x84, 0xE2, 0x88, 0, bytes(24)), 0x6982),
    ],
)
def test_after_selection_without_a_session(command: Command, sw: int) -> None:
    bench = Bench()
    bench.select_domain()
    assert bench.host(command).sw == sw


def test_the_challenge_can_be_predicted_from_keys_and_counter() -> None:
    bench = Bench()
    for sequence in range(3):
        bench.select_domain()
        answer = InitializeUpdateResponse.decode(bench.host(initialize_update(HOST_CHALLENGE)).data)
        assert (answer.diversification, answer.sequence_counter) == (SERIAL, sequence)
        predicted = pseudo_random_challenge(KEYS, sequence, perso.PAYMENT_DOMAIN_AID)
        assert answer.challenge == predicted
        bench.open_session()


def test_a_session_prepared_offline_loads_a_package() -> None:
    """The provider never hears the chip: it foresees the challenge and wraps everything at once."""
    bench = Bench()
    challenge = pseudo_random_challenge(KEYS, 0, perso.PAYMENT_DOMAIN_AID)
    session_keys = derive_session(KEYS, HOST_CHALLENGE, challenge)
    foreseen = InitializeUpdateResponse(
        diversification=SERIAL,
        key_version=1,
        challenge=challenge,
        cryptogram=card_cryptogram(session_keys, HOST_CHALLENGE, challenge),
        sequence_counter=0,
    )
    level = SecurityLevel.C_DECRYPTION_C_MAC
    session, authenticate = open_session(KEYS, level, HOST_CHALLENGE, foreseen)
    script = [initialize_update(HOST_CHALLENGE), authenticate, *wrapped(session, package())]
    bench.select_domain()
    answers = [bench.host(command) for command in script]
    assert answers[0].data == foreseen.encode()
    assert {answer.sw for answer in answers} == {0x9000}
    assert bench.element.credentials_left() == 4
    # The same script again, recorded on the way: the counter has moved on.
    bench.select_domain()
    assert [bench.host(command).sw for command in script] == [0x9000, 0x6300] + [0x6982] * (
        len(script) - 2
    )


def test_wrong_keys_open_nothing_and_move_no_counter() -> None:
    bench = Bench()
    bench.select_domain()
    answer = InitializeUpdateResponse.decode(bench.host(initialize_update(HOST_CHALLENGE)).data)
    with pytest.raises(VerificationError):
        open_session(OTHER_KEYS, SecurityLevel.C_MAC, HOST_CHALLENGE, answer)
    forged = HostSession(
        derive_session(OTHER_KEYS, HOST_CHALLENGE, answer.challenge),
        SecurityLevel.C_DECRYPTION_C_MAC,
    ).external_authenticate(HOST_CHALLENGE, answer.challenge)
    assert bench.host(forged).sw == 0x6300
    # One try an INITIALIZE UPDATE.
    assert bench.host(forged).sw == 0x6985
    again = InitializeUpdateResponse.decode(bench.host(initialize_update(HOST_CHALLENGE)).data)
    assert again.sequence_counter == 0


@pytest.mark.parametrize("p1", [0x00, 0x02, 0x30, 0xFF])
def test_unknown_security_levels_are_refused(p1: int) -> None:
    bench = Bench()
    bench.select_domain()
    bench.host(initialize_update(HOST_CHALLENGE))
    assert bench.host(Command(0x84, 0x82, p1, 0, bytes(16))).sw == 0x6A86


def test_store_data_needs_encryption() -> None:
    bench = Bench()
    session = bench.open_session(SecurityLevel.C_MAC)
    assert {bench.host(command).sw for command in wrapped(session, package())} == {0x6982}
    assert bench.element.credentials_left() == 0


def spoilt(commands: list[Command], how: str) -> list[Command]:
    first, second, *rest = commands
    changed = replace(first, data=bytes((first.data[0] ^ 1,)) + first.data[1:])
    return {
        "changed": [changed, second, *rest],
        "reordered": [second, first, *rest],
        "repeated": [first, first, second, *rest],
        "dropped": [second, *rest],
        "plain": [replace(first, cla=0x80), second, *rest],
        "short": [replace(first, data=first.data[:7]), second, *rest],
    }[how]


@pytest.mark.parametrize(
    ("how", "sw"),
    [
        ("changed", 0x6988),
        ("reordered", 0x6988),
        ("repeated", 0x6988),
        ("dropped", 0x6988),
        ("plain", 0x6982),
        ("short", 0x6988),
    ],
)
def test_a_command_that_does_not_belong_ends_the_session(how: str, sw: int) -> None:
    bench = Bench()
    session = bench.open_session()
    commands = spoilt(
        wrapped(session, make_package(make_profile(MASTERCARD), MASTERCARD, size=32)), how
    )
    status = [bench.host(command).sw for command in commands]
    failed = next(at for at, each in enumerate(status) if each != 0x9000)
    assert status[failed] == sw
    assert set(status[failed + 1 :]) == {0x6982}
    assert bench.element.credentials_left() == 0


def test_selecting_or_losing_the_link_ends_the_session() -> None:
    bench = Bench()
    for end in (bench.select_domain, lambda: bench.element.reset(Interface.HOST)):
        session = bench.open_session()
        end()
        bench.select_domain()
        assert bench.host(wrapped(session, package())[0]).sw == 0x6982


@pytest.mark.parametrize("level", [each for each in SecurityLevel if each.encrypts_commands])
def test_responses_are_protected_as_the_level_says(level: SecurityLevel) -> None:
    bench = Bench()
    session = bench.open_session(level)
    for command in perso.store_data_commands(package()):
        assert session.unwrap(bench.host(session.wrap(command))).ok


def test_a_package_takes_effect_once(bench: Bench) -> None:
    bench.arm()
    assert bench.initiate().ok
    assert bench.generate(bytes(33)).ok
    assert set(bench.store(package())) == {0x9000}
    assert bench.element.credentials_left() == 3
    for _ in range(3):
        bench.arm()
        assert bench.initiate().ok
        assert bench.generate(bytes(33)).ok
    # The spent batch goes when another comes, and does not come back.
    more = make_package(make_profile(MASTERCARD), MASTERCARD, batch=2)
    assert set(bench.store(more)) == {0x9000}
    assert set(bench.store(package())) == {0x9000}
    assert bench.element.credentials_left() == 4


def test_a_package_cut_short_changes_nothing() -> None:
    bench = Bench()
    before = bench.memory.load()
    session = bench.open_session()
    opened = bench.memory.load()
    assert opened != before
    for command in wrapped(session, package())[:-1]:
        assert bench.host(command).ok
    bench.restart()
    assert bench.memory.load() == opened
    assert set(bench.store(package())) == {0x9000}


def without(dgis: list[Dgi], identifier: int) -> list[Dgi]:
    return [dgi for dgi in dgis if dgi.identifier != identifier]


@pytest.mark.parametrize(
    ("dgis", "sw"),
    [
        ([Dgi(0xD0FF, b"?")], 0x6A88),
        ([Dgi(perso.CARD_PROFILE, b"?")], 0x6A80),
        ([Dgi(perso.BATCH_HEADER, bytes(31))], 0x6A80),
        (without(package(), perso.CARD_PROFILE), 0x6A88),
        (without(package(), perso.BATCH_HEADER), 0x6A80),
        (without(package(), perso.CREDENTIALS), 0x6A80),
        ([*package(), package()[2]], 0x6A80),
        ([*package(), package()[1]], 0x6A80),
    ],
    ids=["unknown", "profile", "header", "no card", "no header", "no numbers", "twice", "headers"],
)
def test_a_package_that_does_not_apply_changes_nothing(dgis: list[Dgi], sw: int) -> None:
    bench = Bench()
    assert bench.store(dgis)[-1] == sw
    assert bench.element.status(bench.now).cards == ()


def test_a_batch_may_come_in_parts() -> None:
    bench = Bench()
    profile, header, whole = make_package(make_profile(MASTERCARD), MASTERCARD)
    cut = perso.BATCH_REF_BYTES + 2 * perso.CREDENTIAL_BYTES
    parts = [
        Dgi(perso.CREDENTIALS, whole.value[:cut]),
        Dgi(perso.CREDENTIALS, whole.value[: perso.BATCH_REF_BYTES] + whole.value[cut:]),
    ]
    assert set(bench.store([profile, header, *parts])) == {0x9000}
    assert bench.element.credentials_left() == 4


def test_a_full_batch_of_64_fits() -> None:
    bench = Bench()
    bench.load(size=64)
    assert bench.element.credentials_left() == 64


def test_cards_and_batches_are_bounded_by_the_device() -> None:
    bench = Bench(device="ring")
    bench.load()
    bench.load()
    profile = make_profile(MASTERCARD)
    assert bench.store(make_package(profile, MASTERCARD, batch=3))[-1] == 0x6A84
    assert bench.store(make_package(make_profile(UNIONPAY, 2), UNIONPAY))[-1] == 0x6A84
    assert bench.element.credentials_left() == 8


def test_expired_batches_make_room() -> None:
    bench = Bench(device="ring")
    profile = make_profile(MASTERCARD)
    for batch in (1, 2):
        dgis = make_package(profile, MASTERCARD, batch=batch, expiry="260331")
        assert set(bench.store(dgis)) == {0x9000}
    bench.wait(31 * 86_400)
    assert set(bench.store(make_package(profile, MASTERCARD, batch=3))) == {0x9000}
    assert bench.element.credentials_left() == 4


def test_void_batches_make_room_and_never_come_back() -> None:
    bench = Bench(device="ring")
    profile = make_profile(MASTERCARD)
    first, second, third = (make_package(profile, MASTERCARD, batch=n) for n in (1, 2, 3))
    assert set(bench.store(first) + bench.store(second)) == {0x9000}
    kept = perso.BatchHeader.decode(second[1].value).batch_ref
    stands = Dgi(perso.STANDING, perso.Standing(profile.card_ref, (kept,)).encode())
    assert set(bench.store([third[0], stands, *third[1:]])) == {0x9000}
    assert bench.element.credentials_left() == 8
    nothing = Dgi(perso.STANDING, perso.Standing(profile.card_ref, ()).encode())
    assert set(bench.store([nothing])) == {0x9000}
    assert bench.element.credentials_left() == 0
    assert set(bench.store(first)) == {0x9000}  # skipped: it was here
    assert bench.element.credentials_left() == 0
    for wrong, sw in ((bytes(16), 0x6A88), (bytes(15), 0x6A80), (bytes(17), 0x6A80)):
        assert bench.store([Dgi(perso.STANDING, wrong)])[-1] == sw


@pytest.mark.parametrize(("p1", "p2"), [(0x00, 0), (0x80, 0), (0x90, 0), (0x88, 1), (0xA8, 0)])
def test_blocks_in_another_form_or_order_are_refused(p1: int, p2: int) -> None:
    bench = Bench()
    session = bench.open_session()
    assert bench.host(session.wrap(Command(0x80, 0xE2, p1, p2, b"abc"))).sw == 0x6A86


def test_a_chip_is_manufactured_once() -> None:
    bench = Bench()
    with pytest.raises(ConflictError):
        manufacture(bench.memory, serial=SERIAL, payment_keys=KEYS)
    with pytest.raises(ConfigurationError):
        manufacture(type(bench.memory)(), serial=b"short", payment_keys=KEYS)
    with pytest.raises(ConfigurationError):
        Element(type(bench.memory)(), bench.element.profile, SystemEntropy())


def test_a_number_that_is_here_already_is_refused(bench: Bench) -> None:
    profile, header, credentials = package()
    other = (9).to_bytes(8)
    renamed = [
        profile,
        Dgi(header.identifier, header.value[:16] + other + header.value[24:]),
        Dgi(credentials.identifier, other + credentials.value[8:]),
    ]
    assert bench.store(renamed)[-1] == 0x6A80
    assert bench.element.credentials_left() == 4
