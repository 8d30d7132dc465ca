"""Every way to change a log after it was written is found, and where."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.token.audit.audit_strategies import (
    BUCKET,
    Kept,
    card_id,
    edited,
    groups,
    sample,
    signer,
)
from zheton.core.crypto import ed25519
from zheton.core.token.audit.chain import CardTip, Tip, chain
from zheton.core.token.audit.checkpoint import BucketState, Checkpoint, signed
from zheton.core.token.audit.entry import Resolution
from zheton.core.token.audit.inspect import (
    Fault,
    Stored,
    bucket_faults,
    cards_root,
    checkpoint_faults,
    second_lives,
)

KEYS = (signer().public,)


def checkpointed(kept: Kept, after: Checkpoint | None = None) -> Checkpoint:
    state = BucketState(BUCKET, kept.tip, cards_root(kept.cards))
    return signed(after, 1_567_000_000_000, (state,), signer())


def found(
    kept: Kept,
    rows: list[Stored] | None = None,
    *,
    tip: Tip | None = None,
    cards: dict[str, CardTip] | None = None,
    checkpoints: tuple[Checkpoint, ...] = (),
) -> list[Fault]:
    return list(
        bucket_faults(
            BUCKET,
            kept.rows if rows is None else rows,
            tip or kept.tip,
            kept.cards if cards is None else cards,
            checkpoints,
        )
    )


def places(faults: list[Fault]) -> list[int | None]:
    return [fault.seq for fault in faults]


@settings(max_examples=40, deadline=None)
@given(groups)
def test_what_was_written_verifies(drawn: list[list[Resolution]]) -> None:
    kept, last = Kept(), None
    checkpoints: list[Checkpoint] = []
    for group in drawn:
        kept.write(group)
        if kept.tip.count:
            last = checkpointed(kept, last)
            checkpoints.append(last)
    assert found(kept, checkpoints=tuple(checkpoints)) == []
    assert list(checkpoint_faults(checkpoints, KEYS)) == []


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_single_change_is_found(data: st.DataObject) -> None:
    kept = Kept().write(sample(4, 0) + sample(4, 1))
    checkpoint = checkpointed(kept)
    rows = kept.rows
    at = data.draw(st.integers(0, len(rows) - 1))
    change = data.draw(
        st.sampled_from(["at_ms", "who", "reference", "card", "bin", "index", "hash", "card_seq"])
    )
    row = rows[at]
    rows[at] = {
        "at_ms": edited(row, at_ms=1),
        "who": edited(row, who="nobody"),
        "reference": edited(row, reference="ff" * 16),
        "card": edited(row, card=card_id(5)),
        "bin": edited(row, bin="99999999"),
        "index": edited(row, index=7),
        "hash": replace(row, hash=bytes(32)),
        "card_seq": replace(row, card_seq=9),
    }[change]
    assert at + 1 in places(found(kept, rows, checkpoints=(checkpoint,)))


def test_editing_one_entry_is_found_at_that_entry_alone() -> None:
    kept = Kept().write(sample(6))
    rows = kept.rows
    rows[2] = edited(rows[2], who="somebody else")
    (fault,) = found(kept, rows)
    assert (fault.bucket, fault.seq) == (BUCKET, 3)
    assert str(fault) == "bucket 42, entry 3: it was edited, moved or put in: its hash is wrong"


def test_two_entries_that_change_places_are_found() -> None:
    kept = Kept().write(sample(3, 0) + sample(3, 1))
    rows = kept.rows
    rows[1], rows[4] = replace(rows[4], seq=2), replace(rows[1], seq=5)
    assert {2, 5} <= set(places(found(kept, rows)))


def test_a_cut_in_the_middle_is_found_where_it_begins() -> None:
    kept = Kept().write(sample(3, 0) + sample(3, 1))
    assert places(found(kept, kept.rows[:2] + kept.rows[4:]))[0] == 3


def test_a_cut_tail_is_found_by_the_heads() -> None:
    kept = Kept().write(sample(6))
    faults = found(kept, kept.rows[:4])
    assert places(faults) == [5, None]


def test_a_cut_tail_with_its_heads_is_found_by_the_checkpoint() -> None:
    short = Kept().write(sample(4))
    whole = Kept().write(sample(6))
    assert found(short) == []  # nothing in the database betrays it
    faults = found(short, checkpoints=(checkpointed(whole),))
    assert places(faults) == [5]
    assert "the end was cut" in faults[0].text


def test_a_chain_that_was_written_anew_is_found_by_the_checkpoint() -> None:
    honest = Kept().write(sample(6))
    forged = Kept().write([replace(what, who="nobody") for what in sample(6)])
    assert found(forged) == []
    faults = found(forged, checkpoints=(checkpointed(honest),))
    assert places(faults) == [6, None]


def test_an_entry_that_was_put_in_is_found() -> None:
    kept = Kept().write(sample(3))
    links, _, _ = chain(sample(1, 1), {BUCKET: kept.tip}, {})
    more = Stored(4, 1, 0, links[0].entry.what, links[0].hash)
    assert places(found(kept, [*kept.rows, more])) == [5, None]  # neither end knows of it


def test_a_card_whose_end_was_set_back_is_found() -> None:
    kept = Kept().write(sample(3))
    before = {card_id(0): CardTip(2, 2, kept.links[1].hash)}
    (fault,) = found(kept, cards=before)
    assert card_id(0) in fault.text


def test_a_row_of_another_bucket_is_found() -> None:
    kept = Kept().write(sample(1))
    rows = [edited(kept.rows[0], card="2b" + card_id(0)[2:])]
    assert places(found(kept, rows))[0] == 1


def test_checkpoints_without_signature_order_or_memory_are_found() -> None:
    kept = Kept().write(sample(2))
    one = checkpointed(kept)
    two = checkpointed(kept.write(sample(2, 1)), one)
    three = checkpointed(kept.write(sample(2, 2)), two)
    assert list(checkpoint_faults([one, two, three], KEYS)) == []
    assert len(list(checkpoint_faults([one, three], KEYS))) == 1
    assert len(list(checkpoint_faults([two, three], KEYS))) == 1
    assert len(list(checkpoint_faults([one, two, two], KEYS))) == 1
    changed = replace(two, at_ms=0)
    assert len(list(checkpoint_faults([one, changed], KEYS))) == 1
    foreign = (ed25519.public_key(bytes(32)),)
    assert len(list(checkpoint_faults([one], foreign))) == 1
    shorter = checkpointed(Kept().write(sample(1)), one)
    (fault,) = checkpoint_faults([one, shorter], KEYS)
    assert "takes back" in fault.text


def test_a_number_that_paid_twice_is_told_unless_a_window_lies_between() -> None:
    rows = Kept().write(sample(3)).rows
    assert list(second_lives(BUCKET, rows)) == []
    again = sample(2, card=1)  # the numbers of the first two, whatever card they pay from
    assert places(list(second_lives(BUCKET, Kept().write(sample(3) + again).rows))) == [4, 5]
    later = [replace(what, at_ms=what.at_ms + 31 * 86_400_000) for what in again]
    assert list(second_lives(BUCKET, Kept().write(sample(3) + later).rows)) == []
    told = [replace(what, purpose="reversal") for what in again]
    assert list(second_lives(BUCKET, Kept().write(sample(3) + told).rows)) == []
