"""The hash of an entry: it takes in every field, and refuses what no entry can hold."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings

from tests.unit.core.token.audit.audit_strategies import BUCKET, groups, resolutions, sample
from zheton.core.errors import EncodeError
from zheton.core.token.audit.chain import CardTip, Tip, chain
from zheton.core.token.audit.entry import (
    NOTHING_BEFORE,
    Entry,
    Purpose,
    Resolution,
    entry_hash,
    first_hash,
    unix_ms,
)

FIRST = Entry(1, first_hash(BUCKET), 1, 0, NOTHING_BEFORE, sample(1)[0])


def test_the_encoding_stays_what_it_is() -> None:
    """Written out by hand: an old log has to verify for ever."""
    what = FIRST.what
    encoded = (
        b"zheton audit entry 1\0"
        + bytes([0x2A])
        + (1).to_bytes(8, "big")
        + hashlib.sha256(b"zheton audit bucket 1\0\x2a").digest()
        + bytes.fromhex(what.card)
        + (1).to_bytes(8, "big")
        + (0).to_bytes(8, "big")
        + bytes(32)
        + (1_567_000_000_000).to_bytes(8, "big")
        + bytes(16)
        + (64 * 0x2A).to_bytes(8, "big")
        + b"\x0enetwork test/1"
        + b"\x0dauthorisation"
        + b"\x06520473"
    )
    assert entry_hash(FIRST) == hashlib.sha256(encoded).digest()


@pytest.mark.parametrize(
    "changed",
    [
        replace(FIRST, seq=2),
        replace(FIRST, previous=first_hash(BUCKET + 1)),
        replace(FIRST, card_seq=2),
        replace(FIRST, card_before=1),
        replace(FIRST, card_previous=first_hash(0)),
        replace(FIRST, what=replace(FIRST.what, at_ms=FIRST.what.at_ms + 1)),
        replace(FIRST, what=replace(FIRST.what, who="network test/2")),
        replace(FIRST, what=replace(FIRST.what, purpose=Purpose.CLEARING)),
        replace(FIRST, what=replace(FIRST.what, reference="ab" * 16)),
        replace(FIRST, what=replace(FIRST.what, card="2b" + FIRST.what.card[2:])),
        replace(FIRST, what=replace(FIRST.what, bin="520474")),
        replace(FIRST, what=replace(FIRST.what, index=1)),
    ],
)
def test_every_field_counts(changed: Entry) -> None:
    assert entry_hash(changed) != entry_hash(FIRST)


@settings(max_examples=50)
@given(resolutions, resolutions)
def test_no_two_resolutions_share_a_hash(one: Resolution, other: Resolution) -> None:
    hashes = [entry_hash(replace(FIRST, what=what)) for what in (one, other)]
    assert (hashes[0] == hashes[1]) == (one == other)


@pytest.mark.parametrize(
    "changes",
    [
        {"card": "2a"},
        {"card": "zz" * 16},
        {"reference": "00"},
        {"who": "w" * 41},
        {"who": "ж"},
        {"purpose": "x" * 256},
        {"at_ms": -1},
        {"index": 2**63},
    ],
)
def test_what_no_entry_can_hold_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(EncodeError):
        entry_hash(replace(FIRST, what=replace(FIRST.what, **changes)))  # type: ignore[arg-type]


@settings(max_examples=50)
@given(groups)
def test_groups_chain_like_single_entries(drawn: list[list[Resolution]]) -> None:
    """However they are grouped, the same openings make the same chain."""
    flat = [what for group in drawn for what in group]
    whole, tips, cards = chain(flat, {BUCKET: Tip.empty(BUCKET)}, {})
    single: list[bytes] = []
    tip = Tip.empty(BUCKET)
    ends: dict[str, CardTip] = {}
    for group in drawn:
        links, moved, changed = chain(group, {BUCKET: tip}, ends)
        single += [link.hash for link in links]
        tip, ends = moved.get(BUCKET, tip), ends | changed
    assert [link.hash for link in whole] == single
    assert (tips.get(BUCKET, Tip.empty(BUCKET)), cards) == (tip, ends)
    assert [link.entry.seq for link in whole] == list(range(1, len(flat) + 1))
    for link in whole:
        before = [e.entry for e in whole if e.entry.what.card == link.entry.what.card]
        assert link.entry.card_seq == before.index(link.entry) + 1


def test_a_moment_in_milliseconds() -> None:
    assert unix_ms(datetime(1970, 1, 1, 0, 0, 1, 999, tzinfo=UTC)) == 1000
