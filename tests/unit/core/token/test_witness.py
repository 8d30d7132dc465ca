"""What a witness says, and which databases it makes one doubt."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.token.audit.audit_strategies import NEXT_SEED, signer
from zheton.core.errors import ConflictError, DecodeError, VerificationError
from zheton.core.token.witness import (
    Incarnation,
    Witness,
    doubt,
    from_json,
    stated,
    to_json,
    together,
)

HOME = "ab" * 16
LIFE = Incarnation(HOME, 2, 10, 1_567_000_000_000)
OUT = {("520473", 3): 5, ("62355312", 63): 1}
KEYS = (signer().public,)
counters = st.dictionaries(
    st.tuples(st.sampled_from(["520473", "62355312"]), st.integers(0, 63)), st.integers(0, 99)
)
lives = st.builds(
    Incarnation, st.just(HOME), st.integers(1, 3), st.integers(0, 9), st.integers(0, 1 << 40)
)


def witness(life: Incarnation = LIFE) -> Witness:
    return stated(None, life, OUT, signer())


def test_it_comes_back_from_its_file_and_any_change_is_found() -> None:
    made = witness()
    assert from_json(json.loads(json.dumps(to_json(made)))) == made
    made.verify(KEYS)
    for changed in (
        replace(made, mark=9),
        replace(made, number=1),
        replace(made, handed_out={**OUT, ("520473", 3): 4}),
        replace(made, installation="cd" * 16),
        replace(made, at_ms=0),
    ):
        with pytest.raises(VerificationError):
            changed.verify(KEYS)
    with pytest.raises(VerificationError):
        stated(None, LIFE, OUT, signer(NEXT_SEED)).verify(KEYS)


@pytest.mark.parametrize(
    "change",
    [
        {"witness": 2},
        {"mark": -1},
        {"mark": "1"},
        {"installation": "x"},
        {"handed_out": [["520473", 64, 1]]},
        {"handed_out": 5},
        {"key": None},
    ],
)
def test_what_is_none_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(DecodeError):
        from_json(to_json(witness()) | change)
    with pytest.raises(DecodeError):
        from_json([])


def test_a_database_as_new_as_its_witness_or_newer_is_believed() -> None:
    assert doubt(LIFE, OUT, witness()) == ""
    assert doubt(replace(LIFE, mark=11), {**OUT, ("520473", 4): 1}, witness()) == ""
    assert doubt(replace(LIFE, number=3, mark=0), OUT, witness()) == ""
    assert doubt(Incarnation(HOME, 1, 0, 0), {}, None) == ""  # its first start


@pytest.mark.parametrize(
    ("life", "handed_out", "word"),
    [
        (replace(LIFE, mark=9), OUT, "older"),
        (replace(LIFE, number=1, mark=99), OUT, "older"),
        (LIFE, {**OUT, ("520473", 3): 4}, "older"),
        (LIFE, {}, "older"),
        (replace(LIFE, installation="cd" * 16), OUT, "another installation"),
        (replace(LIFE, recovering=True), OUT, "not finished"),
    ],
)
def test_any_other_is_not(
    life: Incarnation, handed_out: dict[tuple[str, int], int], word: str
) -> None:
    assert word in doubt(life, handed_out, witness())


def test_without_a_witness_only_a_database_that_did_nothing_is_believed() -> None:
    for life, out in (
        (LIFE, {}),
        (Incarnation(HOME, 1, 1, 0), {}),
        (Incarnation(HOME, 1, 0, 0), OUT),
    ):
        assert "gone" in doubt(life, out, None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(lives, counters), min_size=1, max_size=5))
def test_a_witness_never_falls_behind_what_it_said(
    told: list[tuple[Incarnation, dict[tuple[str, int], int]]],
) -> None:
    kept: Witness | None = None
    for life, out in told:
        new = stated(kept, life, out, signer())
        assert (new.number, new.mark) >= (life.number, life.mark)
        assert all(new.handed_out[place] >= count for place, count in out.items())
        if kept is not None:
            assert (new.number, new.mark) >= (kept.number, kept.mark)
            assert all(new.handed_out[place] >= n for place, n in kept.handed_out.items())
        kept = new


def test_witnesses_together_know_the_most_that_one_of_them_does() -> None:
    other = stated(None, replace(LIFE, mark=12), {("520473", 3): 2, ("520473", 9): 7}, signer())
    both = together([witness(), other])
    assert both is not None and both.mark == 12
    assert both.handed_out == {**OUT, ("520473", 9): 7}
    assert together([]) is None
    with pytest.raises(ConflictError):
        together([witness(), witness(replace(LIFE, installation="cd" * 16))])
