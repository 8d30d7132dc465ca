"""A proof holds for all entries of a card, unchanged, and for nothing less."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.token.audit.audit_strategies import BUCKET, Kept, card_id, sample, signer
from zheton.core.crypto import ed25519
from zheton.core.errors import DecodeError, VerificationError
from zheton.core.token.audit import checkpoint as checkpoints
from zheton.core.token.audit import proof as proofs
from zheton.core.token.audit import shelves
from zheton.core.token.audit.checkpoint import BucketState, signed
from zheton.core.token.audit.inspect import cards_root
from zheton.core.token.audit.proof import Proof

KEYS = (signer().public,)
AT_MS = 1_567_000_000_000


def proof_of(kept: Kept, card: str) -> Proof:
    by_shelf = [
        {c: tip for c, tip in kept.cards.items() if shelves.shelf_of(c) == at}
        for at in range(shelves.SHELVES)
    ]
    hashes = [shelves.shelf_hash(shelves.shelf(each)) for each in by_shelf]
    at = shelves.shelf_of(card)
    return Proof(
        card,
        tuple(link.entry for link in kept.links if link.entry.what.card == card),
        tuple(shelves.shelf(by_shelf[at])),
        tuple(shelves.path(hashes, at)),
        signed(None, AT_MS, (BucketState(BUCKET, kept.tip, cards_root(kept.cards)),), signer()),
    )


@pytest.fixture(scope="module")
def proof() -> Proof:
    kept = Kept()
    for card in (0, 1, 3, 0, 1, 3, 0):  # 0 and 3 share a shelf
        kept.write(sample(2, card))
    return proof_of(kept, card_id(0))


def refused(proof: Proof) -> None:
    with pytest.raises(VerificationError):
        proof.check(KEYS)


def test_a_proof_holds(proof: Proof) -> None:
    proof.check(KEYS)
    assert len(proof.entries) == 6
    assert len(proof.shelf) == 2


def test_a_proof_names_no_other_card(proof: Proof) -> None:
    written = json.dumps(proofs.to_json(proof))
    assert card_id(0) in written
    assert card_id(3) not in written


def test_no_entry_may_miss(proof: Proof) -> None:
    for at in range(len(proof.entries)):
        refused(replace(proof, entries=proof.entries[:at] + proof.entries[at + 1 :]))
    refused(replace(proof, entries=()))


def test_no_entry_may_be_changed_or_moved(proof: Proof) -> None:
    for at, entry in enumerate(proof.entries):
        for changed in (
            replace(entry, what=replace(entry.what, who="nobody")),
            replace(entry, seq=entry.seq + 1),
            replace(entry, previous=bytes(32)),
        ):
            entries = (*proof.entries[:at], changed, *proof.entries[at + 1 :])
            refused(replace(proof, entries=entries))
    refused(replace(proof, entries=proof.entries[::-1]))


def test_a_shorter_chain_on_a_shelf_of_ones_own_is_refused(proof: Proof) -> None:
    shorter = proof.entries[:2]
    place = shelves.place(proof.card, proofs.card_end(proof.card, shorter))
    forged = tuple(sorted(p for p in (*proof.shelf, place) if p[0] != place[0] or p == place))
    refused(replace(proof, entries=shorter, shelf=forged))
    refused(replace(proof, entries=shorter, shelf=tuple(sorted((*proof.shelf, place)))))


def test_a_second_shorter_chain_of_a_card_is_refused_even_where_it_is_signed() -> None:
    """The operator signs a shelf that holds the card twice: the proof shows it."""
    kept = Kept().write(sample(4))
    card = card_id(0)
    short = proofs.card_end(card, [link.entry for link in kept.links[:2]])
    both = tuple(sorted((shelves.place(card, short), shelves.place(card, kept.cards[card]))))
    hashes = [shelves.EMPTY_SHELF] * shelves.SHELVES
    at = shelves.shelf_of(card)
    hashes[at] = shelves.shelf_hash(both)
    state = BucketState(BUCKET, kept.tip, shelves.root(hashes))
    checkpoint = signed(None, AT_MS, (state,), signer())
    entries = tuple(link.entry for link in kept.links[:2])
    refused(Proof(card, entries, both, tuple(shelves.path(hashes, at)), checkpoint))


def test_checkpoint_and_key_have_to_be_right(proof: Proof) -> None:
    with pytest.raises(VerificationError):
        proof.check((ed25519.public_key(bytes(32)),))
    refused(replace(proof, checkpoint=replace(proof.checkpoint, at_ms=0)))
    refused(replace(proof, checkpoint=replace(proof.checkpoint, signature=bytes(64))))
    elsewhere = signed(None, AT_MS, (replace(proof.checkpoint.states[0], bucket=1),), signer())
    refused(replace(proof, checkpoint=elsewhere))
    twice = signed(None, AT_MS, proof.checkpoint.states * 2, signer())
    refused(replace(proof, checkpoint=twice))


def test_a_proof_and_a_checkpoint_come_back_from_their_files(proof: Proof) -> None:
    written = json.loads(json.dumps(proofs.to_json(proof)))
    assert proofs.from_json(written) == proof
    assert checkpoints.from_json(written["checkpoint"]) == proof.checkpoint


_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_content_of_a_file_crashes_the_reader(data: st.DataObject) -> None:
    kept = Kept().write(sample(2))
    written = json.loads(json.dumps(proofs.to_json(proof_of(kept, card_id(0)))))
    target = data.draw(st.sampled_from([written, written["entries"][0], written["checkpoint"]]))
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(_junk)
    with suppress(DecodeError, VerificationError):
        proofs.from_json(written).check(KEYS)
