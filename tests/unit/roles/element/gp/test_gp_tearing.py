"""Power goes during management: each command is one write, so the chip is before or after it."""

from collections.abc import Callable

import pytest

from tests.unit.roles.element.conftest import MASTERCARD, UNIONPAY
from tests.unit.roles.element.gp.conftest import ISSUER_KEYS, NEW_KEYS, Managed, Talk
from zheton.adapters.element_memory import TransientMemory
from zheton.core.emv import tlv
from zheton.core.emv.apdu import Response
from zheton.core.errors import UnreachableError
from zheton.roles.element.registry import LOAD_FILE_AID

# Each takes the session and answers; the order is what the test below counts by.
LIFE: list[Callable[[Talk], Response]] = [
    lambda talk: talk.install(UNIONPAY.aid),
    lambda talk: talk.put_keys(NEW_KEYS, 1, 1, ISSUER_KEYS.dek),
    lambda talk: talk.send(0xF0, 0x40, 0x80, MASTERCARD.aid),
    lambda talk: talk.send(0xE2, 0x90, 0x00, bytes.fromhex("42020102")),
    lambda talk: talk.send(0xE4, 0x00, 0x80, tlv.encode(0x4F, LOAD_FILE_AID)),
    lambda talk: talk.send(0xF0, 0x80, 0x7F),
]


class Torn(TransientMemory):
    """A memory that keeps a number of images and then no more."""

    def __init__(self, image: bytes | None, left: int) -> None:
        super().__init__(image)
        self.left = left

    def store(self, image: bytes) -> None:
        if self.left == 0:
            raise UnreachableError("The power is gone.")
        self.left -= 1
        super().store(image)


def live(chip: Managed) -> int:
    """Each command of a life in one session, until one is not kept; how many were, -1 for none."""
    try:
        talk = chip.session()
    except AssertionError:
        return -1
    for done, command in enumerate(LIFE):
        answer = command(talk)
        if not answer.ok:
            assert answer.sw == 0x6581
            return done
    return len(LIFE)


@pytest.mark.parametrize("writes", range(len(LIFE) + 2))
def test_a_cut_leaves_what_the_last_answer_said(writes: int) -> None:
    """The session is one write and each command another; what was answered is there, no more."""
    manufactured = Managed()
    manufactured.load()
    chip = Managed(memory=Torn(manufactured.memory.load(), writes))
    answered = live(chip)
    assert answered == writes - 1
    found = Managed(memory=TransientMemory(chip.memory.load())).state
    assert (found.registry.instance(UNIONPAY.aid) is not None) is (1 <= answered < 5)
    assert (found.issuer_domain.key_sets[0].keys == NEW_KEYS) is (answered >= 2)
    assert any(card.locked for card in found.cards) is (3 <= answered < 5)
    assert (found.registry.issuer_identification != b"") is (answered >= 4)
    assert (found.cards == ()) is (answered >= 5)
    assert found.registry.pays is (answered < 6)
