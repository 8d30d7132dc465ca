"""Whoever stands between a terminal and a card that signs: removal, delay, changed answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.unit.roles.terminal.test_terminal_authentication import ABLE, CDA_RELAY, SigningCard
from tests.unit.roles.terminal.test_terminal_strangers import hexed, template
from tests.unit.roles.terminal.test_terminal_tap import (
    IAD,
    PlainCard,
    cryptogram,
    options,
    sale_of,
)
from zheton.core.emv import tlv
from zheton.roles.terminal.deadline import PRESENTMENT_MS_MAX
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import (
    Declined,
    EndApplication,
    OnlineRequest,
    Outcome,
    TryAgain,
)

GENERATE, RELAY = 0xAE, 0xEA


@dataclass
class Told(SigningCard):
    """A signing card whose answers are changed on their way, as by whoever relays it."""

    changed: Mapping[int, Callable[[bytes], bytes]] = field(default_factory=dict)

    def transceive(self, command: bytes) -> bytes:
        return self.changed.get(command[1], bytes)(super().transceive(command))


@dataclass
class Stopwatch:
    """A clock that a card moves: by so many milliseconds with each look at it."""

    step_ms: float = 1.0
    at_ms: float = 0.0

    def elapsed_ms(self) -> float:
        self.at_ms += self.step_ms
        return self.at_ms


def signing(**changed: Any) -> Told:
    return Told(options=options(CDA_RELAY, "08010101 10010200"), **changed)


def presented(card: PlainCard, step_ms: float = 1.0) -> Outcome:
    further = (b"\x0a\x0b\x0c\x0d", b"\x1a\x1b\x1c\x1d")
    debit = replace(sale_of(), further_numbers=further)
    return tap(card, ABLE, debit, Stopwatch(step_ms))


COMMANDS = 8  # two SELECT, GPO, EXCHANGE RELAY RESISTANCE DATA, three records, GENERATE AC


def test_an_honest_card_that_signs_needs_so_many_commands() -> None:
    card = signing()
    assert isinstance(presented(card), OnlineRequest)
    assert len(card.seen) == COMMANDS


@pytest.mark.parametrize("step", range(COMMANDS))
def test_removal_at_any_step_is_another_try(step: int) -> None:
    """Book C-2: an error of the first layer starts again at B; the card may have spent a number."""
    card = signing(leaves_at=step)
    assert isinstance(presented(card), TryAgain)
    assert len(card.seen) == step + 1


@pytest.mark.parametrize("step", range(COMMANDS))
@pytest.mark.parametrize("answer", [b"", b"\x6f\0", b"\x90\0", bytes(256) + b"\x90\0"])
def test_nonsense_at_any_step_ends_the_application(step: int, answer: bytes) -> None:
    card = signing(raw_at=(step, answer))
    assert isinstance(presented(card), EndApplication)
    assert len(card.seen) == step + 1


@pytest.mark.parametrize("step", range(COMMANDS))
def test_a_card_that_falls_asleep_at_any_step_is_given_up(step: int) -> None:
    card, watch = signing(), Stopwatch(0)

    class Sleepy:
        def transceive(self, command: bytes) -> bytes:
            watch.at_ms += PRESENTMENT_MS_MAX + 1 if len(card.seen) == step else 1
            return card.transceive(command)

    assert isinstance(tap(Sleepy(), ABLE, sale_of(), watch), TryAgain)
    assert len(card.seen) == step + 1


def test_a_card_that_is_slow_at_every_step_is_given_up_in_the_middle() -> None:
    card = signing()
    assert isinstance(presented(card, PRESENTMENT_MS_MAX / 4), TryAgain)
    assert 1 < len(card.seen) < COMMANDS


def with_object(tag: int, value: bytes) -> Callable[[bytes], bytes]:
    """An answer to GENERATE AC with one object more, or with another value for it."""

    def change(answer: bytes) -> bytes:
        objects = {each.tag: each.value for each in tlv.decode(answer[:-2])[0].children}
        return template(0x77, *({**objects, tag: value}).items()) + b"\x90\0"

    return change


SIGNED = {
    "another counter": with_object(0x9F36, b"\0\x08"),
    "other issuer data": with_object(0x9F10, IAD[:-1]),
    "a cryptogram beside it": with_object(0x9F26, b"MYARQC!!"),
    "bits of the CID": with_object(0x9F27, b"\x88"),
    "something more": with_object(0xDF01, b""),
    "a signature of zeros": with_object(0x9F4B, bytes(144)),
    "an empty signature": with_object(0x9F4B, b""),
    "a longer signature": with_object(0x9F4B, bytes(145)),
    "no signature, but a cryptogram": lambda _: cryptogram(0x80) + b"\x90\0",
    "format 1": lambda _: tlv.encode(0x80, b"\x80\0\x07ARQCARQC" + IAD) + b"\x90\0",
}


@pytest.mark.parametrize("change", SIGNED.values(), ids=SIGNED)
def test_what_a_card_did_not_sign_is_no_money(change: Callable[[bytes], bytes]) -> None:
    """Book 2, 6.6.2; Book C-2: CDA that fails after GENERATE AC is declined and not sent online."""
    outcome = presented(signing(changed={GENERATE: change}))
    assert isinstance(outcome, Declined) and outcome.sale is None


@pytest.mark.parametrize("cid", [0x40, 0xC0])
def test_a_card_that_signs_may_not_approve_either(cid: int) -> None:
    card = signing(changed={GENERATE: with_object(0x9F27, bytes((cid,)))})
    assert isinstance(presented(card), EndApplication)


def test_a_card_that_was_to_sign_may_decline_without() -> None:
    """Book 2, 6.6.1: an AAC is answered in clear."""
    card = signing(changed={GENERATE: lambda _: cryptogram(0x00) + b"\x90\0"})
    assert isinstance(presented(card), Declined)


TIMES = {
    "no template": "A1A2A3A4001401F40018",
    "another template": "770AA1A2A3A4001401F40018",
    "a byte short": "8009A1A2A3A4001401F400",
    "a byte more": "800BA1A2A3A4001401F4001800",
    "a lying length": "80FFA1A2A3A4001401F40018",
    "nothing": "",
    "earlier than it may be": "800AA1A2A3A4FFFFFFFF0018",
    "the least after the most": "800AA1A2A3A4FFFF00000018",
}


@pytest.mark.parametrize("answer", TIMES.values(), ids=TIMES)
def test_what_is_no_answer_of_relay_resistance_ends_the_application(answer: str) -> None:
    """Book C-2, 5.3: 80, and ten bytes."""
    card = signing(changed={RELAY: lambda _: hexed(answer) + b"\x90\0"})
    assert isinstance(presented(card), EndApplication)
    assert card.seen[-1].ins == RELAY


def test_a_relay_cannot_give_the_card_more_time_than_the_card_signed() -> None:
    """The figures of a card that signs are in what it signs (Book C-2, CDA with relay data)."""
    card = signing(changed={RELAY: lambda _: hexed("800AA1A2A3A40000FFFF0018") + b"\x90\0"})
    outcome = presented(card, 30.0)
    assert isinstance(outcome, Declined) and outcome.sale is None
