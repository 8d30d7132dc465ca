"""Every decoder that meets bytes from outside, as a target: it may refuse, and raise nothing else.

What was read is written again and read again, and has to be the same: a decoder that two parties
understand differently is a way past one of them.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from joserfc.jwk import RSAKey

from tests.fuzz.choices import Choices
from tests.unit.roles.element.conftest import MASTERCARD, UNIONPAY
from zheton.adapters import ipm
from zheton.adapters.keys.envelope import open_envelope
from zheton.core.ble.exchange import Execute, Responder
from zheton.core.ble.fragment import Reassembler
from zheton.core.ble.report import Report
from zheton.core.ble.service import MESSAGE_BYTES_MAX
from zheton.core.emv import dol, perso, tlv
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.iad import IssuerApplicationData
from zheton.core.errors import (
    ConfigurationError,
    DecodeError,
    EncodeError,
    VerificationError,
)
from zheton.core.iso8583 import message, subelements
from zheton.core.iso8583.dialect import DIALECT, PACKED
from zheton.core.iso8583.match import decode_original
from zheton.core.iso8583.spec import Spec
from zheton.core.policy.document import read_policy
from zheton.core.token.control_sheet import decode_sheet
from zheton.core.token.controls_document import read_controls
from zheton.roles.element import image
from zheton.roles.terminal import application, cryptogram, fci, sale
from zheton.roles.tsp.envelope import read_envelope

Target = Callable[[bytes], None]


def refusing(target: Target, *kinds: type[Exception]) -> Target:
    """The target where a DecodeError, or a refusal of another kind, is an answer, too."""

    refusals: tuple[type[Exception], ...] = (DecodeError, *kinds)

    def run(data: bytes) -> None:
        with suppress(*refusals):
            target(data)

    return run


def tlv_target(data: bytes) -> None:
    objects = tlv.decode(data)
    again = tlv.encode_all((each.tag, each.value) for each in objects)
    assert [(each.tag, each.value) for each in tlv.decode(again)] == [
        (each.tag, each.value) for each in objects
    ]
    assert tlv.flat(again) == tlv.flat(data)


def dol_target(data: bytes) -> None:
    entries = dol.parse(data)
    built = dol.build(data, {0x9F02: bytes(6), 0x9F37: b"abcd", 0x5A: bytes(8)})
    assert len(built) == sum(each.length for each in entries)
    dol.split(data, built)


def apdu_target(data: bytes) -> None:
    try:
        command = Command.decode(data)
    except DecodeError:
        command = None
    assert command is None or Command.decode(command.encode()) == command
    assert Response.decode(data).encode() == data


def fci_target(data: bytes) -> None:
    for read in (fci.directory, fci.application):
        try:
            read(data)
        except DecodeError:
            continue


def gpo_target(data: bytes) -> None:
    total = sum(
        last - first + 1 for _, first, last, _ in application.processing_options(data).files
    )
    assert total <= application.RECORDS_MAX


def afl_target(data: bytes) -> None:
    ranges = application.file_locator(data)
    assert bytes(b for sfi, *rest in ranges for b in (sfi << 3, *rest)) == data


def identity_target(data: bytes) -> None:
    """5A, 57, 5F24 and 5F34 as they would stand in a record."""
    choices = Choices(data)
    card = {0x5A: choices.take(choices.below(11)), 0x5F24: choices.take(3).ljust(3, b"\x01")}
    for tag, longest in ((0x57, 19), (0x5F34, 1)):
        if choices.below(2):
            card[tag] = choices.take(choices.below(longest + 1))
    who = sale.identity(card)
    assert who.number.isdigit() and 12 <= len(who.number) <= 19
    assert who.track2 is None or who.track2.startswith(f"{who.number}={who.expiry}")


def ac_target(data: bytes) -> None:
    for signing in (False, True):
        answer = cryptogram.read(data, signing=signing)
        assert len(answer.values[0x9F27]) == 1 and len(answer.values[0x9F36]) == 2


def iad_target(data: bytes) -> None:
    version = (MASTERCARD if data[:1] < b"\x80" else UNIONPAY).cryptogram
    IssuerApplicationData.decode(version, data[1:])


def iso_target(spec: Spec) -> Target:
    def target(data: bytes) -> None:
        read = message.decode(spec, data)
        assert message.decode(spec, message.encode(spec, read)) == read

    return target


def de48_target(data: bytes) -> None:
    text = data.decode("latin-1")
    with suppress(DecodeError):
        decode_original(text)
    subelements.decode(text)


PERSONALISATION: tuple[Callable[[bytes], object], ...] = (
    CardProfile.decode,
    perso.BatchHeader.decode,
    perso.Credentials.decode,
    perso.Standing.decode,
    perso.CardCertificates.decode,
)


def dgi_target(data: bytes) -> None:
    """The stream of a package, and each payload by every reader of one."""
    found = perso.decode_dgis(data)
    assert perso.decode_dgis(perso.encode_dgis(found)) == found
    for each in found:
        for read in PERSONALISATION:
            try:
                read(each.value)
            except DecodeError:
                continue


def profile_target(data: bytes) -> None:
    profile = CardProfile.decode(data)
    assert CardProfile.decode(profile.encode()) == profile


def image_target(data: bytes) -> None:
    state = image.decode(data)
    assert image.decode(image.encode(state)) == state


def ble_target(data: bytes) -> None:
    """Fragments as they come: one byte says how long the next is."""
    choices, joined, responder = Choices(data), Reassembler(), Responder()
    while not choices.over:
        fragment = choices.some()
        joined.feed(fragment)
        assert joined._size <= MESSAGE_BYTES_MAX + len(fragment)
        if isinstance(responder.take(fragment), Execute):
            responder.answered(b"\x90\x00")


def report_target(data: bytes) -> None:
    report = Report.decode(data)
    assert Report.decode(report.encode()) == report


@cache
def _key() -> RSAKey:
    return RSAKey.generate_key(2048)


def jwe_target(data: bytes) -> None:
    open_envelope(data.decode("latin-1"), [_key()])


def card_entry_target(data: bytes) -> None:
    read_envelope(data)


def ipm_target(data: bytes) -> None:
    ipm.read(data)


def policy_target(data: bytes) -> None:
    read_policy(tomllib.loads(data.decode()), ("mastercard", "unionpay"))


def controls_target(data: bytes) -> None:
    document: Any = json.loads(data)
    for counted in (False, True):
        read_controls(document, counted=counted)


def sheet_target(data: bytes) -> None:
    decode_sheet(data.decode("latin-1"))


DECODERS: Mapping[str, Target] = {
    "tlv": refusing(tlv_target),
    "dol": refusing(dol_target),
    "apdu": refusing(apdu_target),
    "fci": fci_target,
    "gpo": refusing(gpo_target),
    "afl": refusing(afl_target),
    "identity": refusing(identity_target),
    "ac": refusing(ac_target),
    "iad": refusing(iad_target),
    "iso8583": refusing(iso_target(DIALECT)),
    "iso8583-packed": refusing(iso_target(PACKED)),
    "de48": refusing(de48_target),
    "dgi": refusing(dgi_target),
    "profile": refusing(profile_target),
    "image": refusing(image_target),
    "ble": ble_target,
    "report": refusing(report_target),
    "card-entry": refusing(card_entry_target, EncodeError),
    "jwe": refusing(jwe_target, VerificationError),
    "ipm": refusing(ipm_target),
    "policy": refusing(policy_target, ConfigurationError, ValueError),
    "controls": refusing(controls_target, EncodeError, ValueError, RecursionError),
    "sheet": refusing(sheet_target),
}
