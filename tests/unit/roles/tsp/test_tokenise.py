"""A card comes in, its owner is identified, and no other way makes it active."""

import hmac
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwe
from joserfc.jwk import OctKey, RSAKey

from tests.unit.roles.tsp.debits import BAND, LIMITS, NOW, RULES, VaultBench, app_key, card_number
from zheton.adapters.app_key import public_part
from zheton.adapters.storage.database import Database
from zheton.core.decline import Decline, Reason
from zheton.core.errors import (
    ConflictError,
    DecodeError,
    EncodeError,
    NotFoundError,
    UnreachableError,
    VerificationError,
    ZhetonError,
)
from zheton.core.iso8583 import subelements
from zheton.core.token.lifecycle import CardStatus, Verb
from zheton.roles.tsp.activate import activate
from zheton.roles.tsp.envelope import ENVELOPE_CHARACTERS_MAX
from zheton.roles.tsp.identify import CLAIMS_MAX, NO_LIMITS
from zheton.roles.tsp.provision import Package, provision
from zheton.roles.tsp.state import Card, Enrolment
from zheton.roles.tsp.tokenise import Tokenised, tokenise

CARD = card_number().reveal()
LATER = NOW + timedelta(minutes=1)


def enrol(bench: VaultBench, serial: int = 1) -> Tokenised:
    made = tokenise(bench.desk, bench.envelope(card_number(serial=serial)), "RU", NOW)
    assert isinstance(made, Tokenised), made
    return made


def refusal(bench: VaultBench, envelope: str, region: str = "RU") -> Reason:
    made = tokenise(bench.desk, envelope, region, NOW)
    assert isinstance(made, Decline), made
    return made.reason


def typed(bench: VaultBench, enrolment: Enrolment, code: str) -> Enrolment | Decline:
    return activate(
        enrolment.id, code, keys=bench.keys, vault=bench.vault, rules=bench.rules, now=LATER
    )


def kept(bench: VaultBench, enrolment: Enrolment) -> Enrolment:
    with bench.vault.transaction() as tx:
        found = tx.enrolment(enrolment.id)
    assert found is not None
    return found[0]


def rows(bench: VaultBench) -> dict[str, int]:
    with bench.database.reading() as connection:
        return {
            table: int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() or 0)  # noqa: S608
            for table in ("card", "card_index", "enrolment")
        }


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def test_an_owner_who_types_the_code_is_in(bench: VaultBench) -> None:
    made = enrol(bench)
    assert made.enrolment.status is CardStatus.IDENTIFYING
    assert made.enrolment.delivery == "SMS +7 *** ***-12-34"
    assert (made.card.last4, made.card.expiry) == (card_number().last4, "2812")
    assert made.card.par.startswith("5001")
    assert len(made.card.par) == 29
    asked, sent = (subelements.decode(message.text(48)) for message in bench.bank.heard)
    assert asked == {"25": "TAR"}
    assert (sent["25"], len(sent["26"])) == ("ACN", 6)
    active = typed(bench, made.enrolment, bench.bank.code)
    assert isinstance(active, Enrolment)
    assert active.status is CardStatus.ACTIVE
    assert kept(bench, active) == active
    assert active.code_mac == b""
    with pytest.raises(ConflictError, match="waits for no code"):
        typed(bench, active, bench.bank.code)


def test_an_issuer_that_needs_no_code_lets_in_at_once(bench: VaultBench) -> None:
    bench.bank.tar = "00"
    assert enrol(bench).enrolment.status is CardStatus.ACTIVE
    assert len(bench.bank.heard) == 1


@pytest.mark.parametrize("reached_by", [None, ""])
def test_an_issuer_that_names_no_way_does_not_thereby_waive_the_code(
    bench: VaultBench, reached_by: str | None
) -> None:
    bench.bank.reached_by = reached_by
    made = enrol(bench)
    assert made.enrolment.status is CardStatus.IDENTIFYING
    assert made.enrolment.delivery


def test_a_long_name_of_the_way_is_cut(bench: VaultBench) -> None:
    bench.bank.reached_by = "x" * 99
    assert kept(bench, enrol(bench).enrolment).delivery == "x" * 80


def test_three_tries_and_no_more(bench: VaultBench) -> None:
    made, code = enrol(bench), bench.bank.code
    texts = []
    for _ in range(3):
        answer = typed(bench, made.enrolment, wrong(code))
        assert isinstance(answer, Decline)
        texts.append(answer.text)
    assert [text[-18:-1] for text in texts] == [f" {left} tries are left" for left in (2, 1, 0)]
    right = typed(bench, made.enrolment, code)
    assert isinstance(right, Decline)
    assert right.reason is Reason.IDENTITY_NOT_CONFIRMED
    assert kept(bench, made.enrolment).status is CardStatus.IDENTIFYING


def test_a_try_is_durably_used_before_the_code_is_looked_at(
    bench: VaultBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, code = enrol(bench), bench.bank.code

    def power_cut(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(hmac, "compare_digest", power_cut)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                typed(bench, made.enrolment, code)
    assert kept(bench, made.enrolment).tries_left == 0
    assert isinstance(typed(bench, made.enrolment, code), Decline)


def test_a_code_is_good_for_ten_minutes(bench: VaultBench) -> None:
    made, code = enrol(bench), bench.bank.code
    for minutes, good in ((10, False), (9, True)):
        moment = NOW + timedelta(minutes=minutes)
        result = activate(
            made.enrolment.id,
            code,
            keys=bench.keys,
            vault=bench.vault,
            rules=bench.rules,
            now=moment,
        )
        assert isinstance(result, Enrolment) == good


@pytest.mark.parametrize("code", ["", "0", "x" * 10_000, "тайна!", "\0"])
def test_any_text_is_just_a_wrong_code(bench: VaultBench, code: str) -> None:
    assert isinstance(typed(bench, enrol(bench).enrolment, code), Decline)


def test_an_unknown_enrolment_is_not_found(bench: VaultBench) -> None:
    for name in ("00" * 16, "", "no id"):
        with pytest.raises(NotFoundError):
            activate(name, "000000", keys=bench.keys, vault=bench.vault, rules=bench.rules, now=NOW)


def test_a_second_person_with_the_card_needs_a_code_of_their_own(bench: VaultBench) -> None:
    first = enrol(bench)
    first_code = bench.bank.code
    active = typed(bench, first.enrolment, first_code)
    assert isinstance(active, Enrolment)
    second = enrol(bench)
    second_code = bench.bank.code
    assert second.card.id == first.card.id
    assert second.enrolment.id != first.enrolment.id
    assert second.enrolment.status is CardStatus.IDENTIFYING
    assert rows(bench) == {"card": 1, "card_index": 1, "enrolment": 2}
    if first_code != second_code:
        assert isinstance(typed(bench, second.enrolment, first_code), Decline)
    assert kept(bench, second.enrolment).status is CardStatus.IDENTIFYING
    assert kept(bench, first.enrolment).status is CardStatus.ACTIVE
    assert isinstance(typed(bench, second.enrolment, second_code), Enrolment)


def test_the_same_code_leads_to_another_image_in_each_enrolment(bench: VaultBench) -> None:
    keys = bench.keys
    assert keys.code_mac("a" * 32, "123456") != keys.code_mac("b" * 32, "123456")


@pytest.mark.parametrize("verb", [Verb.UNSUSPEND, Verb.SUSPEND])
def test_nothing_but_the_code_makes_a_card_active(bench: VaultBench, verb: Verb) -> None:
    made = enrol(bench)
    with pytest.raises(ConflictError):
        bench.change(made.enrolment.id, verb)
    assert kept(bench, made.enrolment).status is CardStatus.IDENTIFYING


def test_a_deleted_enrolment_never_comes_back(bench: VaultBench) -> None:
    made, code = enrol(bench), bench.bank.code
    bench.change(made.enrolment.id, Verb.DELETE)
    for verb in Verb:
        with pytest.raises(ConflictError):
            bench.change(made.enrolment.id, verb)
    with pytest.raises(ConflictError):
        typed(bench, made.enrolment, code)


def test_a_renewed_card_keeps_its_place_and_gets_its_new_expiry(bench: VaultBench) -> None:
    before = claimed(bench, "RU")
    after = claimed(bench, "RU", "11/30")
    assert (after.card, after.expiry) == (before.card, "3011")
    shown = bench.tokens.reveal_card(bench.looking_at(shared(bench, before)))
    assert (shown.pan, shown.expiry) == (card_number(), "3011")


# A card is what its identified owners say, and nobody else


def claimed(
    bench: VaultBench, region: str, expiry: str = "12/28", identify: bool = True
) -> Enrolment:
    """A claim to the one card from a region, its code typed or not."""
    made = tokenise(bench.desk, bench.envelope(card_number(), expiry), region, NOW)
    assert isinstance(made, Tokenised), made
    if not identify:
        return made.enrolment
    active = typed(bench, made.enrolment, bench.bank.code)
    assert isinstance(active, Enrolment)
    return active


def shared(bench: VaultBench, enrolment: Enrolment) -> Card:
    with bench.vault.transaction() as tx:
        card = tx.card(enrolment.card)
    assert card is not None
    return card


REGIONAL = replace(RULES, limits={"": LIMITS, "IN": replace(LIMITS, debits_per_day=1)})


def test_a_stranger_who_enters_a_card_first_decides_nothing_of_it(database: Database) -> None:
    bench = VaultBench(database, REGIONAL)
    strangers = claimed(bench, "IN", "01/29", identify=False)
    assert (shared(bench, strangers).region, shared(bench, strangers).limits) == ("", NO_LIMITS)
    owners = claimed(bench, "RU")
    assert owners.card == strangers.card
    card = shared(bench, owners)
    assert (card.region, card.expiry, card.limits) == ("RU", "2812", LIMITS)
    made = provision(bench.desk, owners.id, BAND.id, counter=1, batches=1, now=NOW)
    assert isinstance(made, Package)


def test_a_stranger_who_enters_a_card_later_changes_nothing_of_it(database: Database) -> None:
    bench = VaultBench(database, REGIONAL)
    card = shared(bench, claimed(bench, "RU"))
    strangers = claimed(bench, "IN", "01/29", identify=False)
    assert shared(bench, strangers) == card
    assert (strangers.region, strangers.expiry) == ("IN", "2901")


def test_limits_are_those_of_the_first_owner_and_the_policy_asks_each(database: Database) -> None:
    bench = VaultBench(database, REGIONAL)
    claimed(bench, "RU")
    elsewhere = claimed(bench, "IN", "01/29")
    card = shared(bench, elsewhere)
    assert (card.region, card.expiry, card.limits) == ("RU", "2901", LIMITS)
    refused = provision(bench.desk, elsewhere.id, BAND.id, counter=1, batches=1, now=NOW)
    assert isinstance(refused, Decline)
    assert refused.rule == "in-till"


def test_a_card_is_claimed_so_often_a_day_and_no_more(bench: VaultBench) -> None:
    """Each claim sends its owner a message and is worth three tries at a code."""
    for _ in range(CLAIMS_MAX):
        enrol(bench)
    heard = len(bench.bank.heard)
    made = tokenise(bench.desk, bench.envelope(card_number()), "RU", NOW + timedelta(hours=23))
    assert isinstance(made, Decline)
    assert (made.reason, made.rule) == (Reason.VELOCITY, "claims-a-day")
    assert len(bench.bank.heard) == heard
    assert rows(bench)["enrolment"] == CLAIMS_MAX
    enrol(bench, serial=2)
    next_day = tokenise(bench.desk, bench.envelope(card_number()), "RU", NOW + timedelta(hours=24))
    assert isinstance(next_day, Tokenised)


@pytest.mark.parametrize("device", ["", "0" * 19, "0" * 21, "x" * 20, 7, None])
def test_an_envelope_that_names_no_chip_is_refused(bench: VaultBench, device: object) -> None:
    with pytest.raises(DecodeError, match="chip"):
        tokenise(bench.desk, bench.envelope(card_number(), device=device), "RU", NOW)
    assert bench.bank.heard == []


@pytest.mark.parametrize(
    "change",
    [{"kty": "RSA"}, {"crv": "P-384"}, {"x": "A" * 42}, {"y": None}, {"y": "=" * 43}, None],
)
def test_an_envelope_without_an_apps_key_is_refused(
    bench: VaultBench, change: dict[str, object] | None
) -> None:
    key = "a key" if change is None else public_part(app_key()) | change
    with pytest.raises(DecodeError, match="app"):
        tokenise(bench.desk, bench.envelope(card_number(), appKey=key), "RU", NOW)
    assert bench.bank.heard == []


def test_a_claim_keeps_the_chip_and_the_public_key_alone(bench: VaultBench) -> None:
    """A phone that sends its whole key pair by mistake does not leave its private key here."""
    sealed = bench.envelope(card_number(), device=BAND.serial.upper(), appKey=app_key())
    made = tokenise(bench.desk, sealed, "RU", NOW)
    assert isinstance(made, Tokenised)
    enrolment = kept(bench, made.enrolment)
    assert enrolment.device == BAND.serial
    assert json.loads(enrolment.app_key) == public_part(app_key())


# Refused, with nothing left behind


@pytest.mark.parametrize("silent", [False, True])
def test_what_the_issuer_does_not_want_leaves_nothing(bench: VaultBench, silent: bool) -> None:
    bench.bank.tar, bench.bank.silent = "05", silent
    if silent:
        with pytest.raises(UnreachableError):
            enrol(bench)
    else:
        assert refusal(bench, bench.envelope(card_number())) is Reason.ISSUER_DECLINED
    assert not any(rows(bench).values())


def test_a_code_that_can_not_be_delivered_leaves_nothing(bench: VaultBench) -> None:
    bench.bank.acn = "05"
    assert refusal(bench, bench.envelope(card_number())) is Reason.IDENTITY_NOT_CONFIRMED
    assert not any(rows(bench).values())


def test_the_policy_decides_before_the_issuer_is_asked(bench: VaultBench) -> None:
    visa = bench.envelope("4111111111111111")
    made = tokenise(bench.desk, visa, "RU", NOW)
    assert isinstance(made, Decline)
    assert (made.reason, made.rule) == (Reason.POLICY, "ru-network")
    assert "Mastercard only" in made.text
    assert refusal(bench, bench.envelope(card_number()), "DE") is Reason.POLICY
    early = tokenise(bench.desk, bench.envelope(card_number()), "RU", NOW - timedelta(days=30))
    assert isinstance(early, Decline)
    assert early.rule == "ru-launch"
    assert bench.bank.heard == []


def test_no_network_and_no_time_left(bench: VaultBench) -> None:
    assert refusal(bench, bench.envelope("30569309025904")) is Reason.NO_ACCOUNT
    assert refusal(bench, bench.envelope(card_number(), "08/19")) is Reason.EXPIRED
    assert isinstance(
        tokenise(bench.desk, bench.envelope(card_number(), "09/19"), "RU", NOW), Tokenised
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"1", b"\xff", b"[" * 2900, b'{"pan": "%s"}' % CARD.encode(), b'{"pan": 1'],
)
def test_an_envelope_without_a_card(bench: VaultBench, content: bytes) -> None:
    with pytest.raises(DecodeError) as raised:
        tokenise(bench.desk, bench.seal(content), "RU", NOW)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("pan", "expiry"),
    [
        ("5413330000000012", "12/28"),
        ("541333", "12/28"),
        ("x" * 16, "12/28"),
        (CARD, "13/28"),
        (CARD, "00/28"),
        (CARD, "1228"),
        (CARD, "12/2028"),
        (CARD, "٠١/28"),
        (CARD, "1/228"),
    ],
)
def test_what_was_typed_wrong_is_said_without_saying_it(
    bench: VaultBench, pan: str, expiry: str
) -> None:
    with pytest.raises(EncodeError) as raised:
        tokenise(bench.desk, bench.envelope(pan, expiry), "RU", NOW)
    assert pan not in str(raised.value)
    assert bench.bank.heard == []


def test_an_envelope_that_is_none(bench: VaultBench) -> None:
    good = bench.envelope(card_number())
    with pytest.raises(DecodeError, match="longer"):
        tokenise(bench.desk, "x" * (ENVELOPE_CHARACTERS_MAX + 1), "RU", NOW)
    head, key, nonce, body, tag = good.split(".")
    broken = [
        "",
        "x",
        "....",
        "тайна",
        good[:-4],
        ".".join((head, key, nonce, body, "AAAA")),
        ".".join((head, "", nonce, body, tag)),
        ".".join((head, key, nonce, "AAAA" + body[4:], tag)),
        ".".join(("e30", key, nonce, body, tag)),
    ]
    for each in broken:
        with pytest.raises(VerificationError):
            tokenise(bench.desk, each, "RU", NOW)


def test_an_envelope_for_another_vault_or_by_another_way_does_not_open(bench: VaultBench) -> None:
    content = json.dumps({"pan": card_number().reveal(), "expiry": "12/28"}).encode()
    mine = RSAKey.import_key(bench.keys.envelope_key())
    shared = OctKey.import_key(b"k" * 32)
    ways: list[tuple[dict[str, Any], Any]] = [
        ({"alg": "RSA-OAEP-256", "enc": "A256GCM"}, RSAKey.generate_key(2048)),
        ({"alg": "RSA-OAEP", "enc": "A256GCM"}, mine),
        ({"alg": "RSA-OAEP-256", "enc": "A128GCM"}, mine),
        ({"alg": "dir", "enc": "A256GCM"}, shared),
        ({"alg": "RSA-OAEP-256", "enc": "A256GCM", "zip": "DEF"}, mine),
    ]
    allowed = [str(value) for header, _ in ways for value in header.values()]
    for header, key in ways:
        sealed = jwe.encrypt_compact(header, content, key, algorithms=allowed)
        with pytest.raises(ZhetonError):
            tokenise(bench.desk, sealed, "RU", NOW)
