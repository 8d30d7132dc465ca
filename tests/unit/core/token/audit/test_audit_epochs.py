"""Audit keys follow one another by signature, from the one that a verifier has pinned."""

from dataclasses import replace

import pytest

from tests.unit.core.token.audit.audit_strategies import NEXT_SEED, epochs, signer
from zheton.core.errors import DecodeError, VerificationError
from zheton.core.token.audit import epochs as keys
from zheton.core.token.audit.checkpoint import signed
from zheton.core.token.audit.epochs import Epoch, followed, public_keys
from zheton.core.token.audit.inspect import checkpoint_faults

FIRST, SECOND = epochs()


def test_the_second_key_is_believed_for_the_first_ones_sake() -> None:
    assert public_keys([FIRST, SECOND]) == (FIRST.public, SECOND.public)
    assert followed([FIRST], [FIRST, SECOND]) == (FIRST.public, SECOND.public)
    assert followed([FIRST, SECOND], [FIRST]) == (FIRST.public, SECOND.public)
    assert followed([SECOND], [FIRST, SECOND]) == (SECOND.public,)


@pytest.mark.parametrize(
    "told",
    [
        [],
        [FIRST, replace(SECOND, endorsement=bytes(64))],
        [FIRST, replace(SECOND, endorsement=b"")],
        [FIRST, replace(SECOND, version=3)],
        [FIRST, replace(SECOND, public=FIRST.public)],
    ],
)
def test_a_key_that_does_not_follow_is_refused(told: list[Epoch]) -> None:
    with pytest.raises(VerificationError):
        public_keys(told)
    if told:
        with pytest.raises(VerificationError):
            followed([FIRST], told)


def test_another_ones_keys_are_refused() -> None:
    with pytest.raises(VerificationError, match="pinned"):
        followed([FIRST], [replace(FIRST, public=SECOND.public)])


def test_a_file_of_keys_reads_back_and_garbage_does_not() -> None:
    assert keys.from_text(keys.to_text([FIRST, SECOND])) == (FIRST, SECOND)
    for text in ("", "1", "x 00", "1 00", f"0 {FIRST.public.hex()}", "1 " + "00" * 32 + " 00"):
        with pytest.raises(DecodeError):
            keys.from_text(text)


def test_the_key_of_an_epoch_that_is_over_signs_no_more() -> None:
    both = public_keys([FIRST, SECOND])
    one = signed(None, 1, (), signer())
    two = signed(one, 2, (), signer(NEXT_SEED))
    three = signed(two, 3, (), signer())
    assert list(checkpoint_faults([one, two], both)) == []
    assert [fault.text for fault in checkpoint_faults([one, two, three], both)] == [
        "number 3 is signed by a key whose epoch was over"
    ]
