"""What a personalisation package does to the element: all of it, or nothing.

A package holds data groupings of `core.emv.perso`: card profiles, which batches of a card still
stand, batch headers and credentials, the order of the cards and which of them are suspended.
A batch that is or ever was here is skipped, so a package takes effect once however often it comes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from zheton.core.emv import perso, status
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.card_records import IssuerKey
from zheton.core.emv.perso import (
    BatchHeader,
    CardCertificates,
    Credential,
    Credentials,
    Dgi,
    Standing,
)
from zheton.core.errors import DecodeError, NotFoundError
from zheton.roles.element.profile import DeviceProfile
from zheton.roles.element.registry import ApplicationState
from zheton.roles.element.rejected import Rejected
from zheton.roles.element.state import FORGOTTEN_MAX, Batch, Card, ElementState


@dataclass
class _Arriving:
    """A new batch while its credentials come."""

    header: BatchHeader
    credentials: list[Credential] = field(default_factory=list)


def apply(
    state: ElementState, device: DeviceProfile, package: bytes, now: datetime
) -> ElementState:
    """The state after a package; Rejected, with its status word, if any part does not apply."""
    arriving: dict[bytes, _Arriving] = {}
    skipped: set[bytes] = set()
    certificates: list[CardCertificates] = []
    try:
        for dgi in perso.decode_dgis(package):
            if dgi.identifier in _OF_CARDS:
                state = _OF_CARDS[dgi.identifier](state, device, dgi.value)
            elif dgi.identifier == perso.BATCH_HEADER:
                _open_batch(state, BatchHeader.decode(dgi.value), arriving, skipped)
            elif dgi.identifier == perso.CARD_CERTIFICATES:
                certificates.append(CardCertificates.decode(dgi.value))
            else:
                _collect(dgi, arriving, skipped)
    except DecodeError:
        raise Rejected(status.WRONG_DATA) from None
    for batch in arriving.values():
        state = _with_batch(state, device, batch, now)
    for each in certificates:
        state = _with_certificates(state, each)
    return state


def _with_issuer_key(state: ElementState, _: DeviceProfile, value: bytes) -> ElementState:
    card = state.card(value[: perso.CARD_REF_BYTES])
    if card is None:
        raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
    key = IssuerKey.decode(value[perso.CARD_REF_BYTES :])
    return state.with_card(replace(card, issuer_key=key))


def _with_certificates(state: ElementState, given: CardCertificates) -> ElementState:
    """The state with certificates for a batch; a batch that is gone needs none any more."""
    for card in state.cards:
        batch = card.batch(given.batch_ref)
        if batch is not None:
            return state.with_card(card.with_batch(batch.certify(given.by_place)))
    if any(card.knows(given.batch_ref) for card in state.cards):
        return state
    raise Rejected(status.REFERENCED_DATA_NOT_FOUND)


def _with_profile(state: ElementState, device: DeviceProfile, value: bytes) -> ElementState:
    profile = CardProfile.decode(value)
    known = state.card(profile.card_ref)
    if known is not None and known.profile != profile:  # certificates cover what it said before
        uncertified = (replace(batch, certificates={}) for batch in known.batches)
        known = replace(known, batches=tuple(uncertified))
    if known is not None and known.profile.aid == profile.aid:
        return state.with_card(replace(known, profile=profile))
    taken = {card.name for card in state.cards}
    slots = (Card(profile, slot) for slot in range(len(taken) + 1))
    fresh = next(card for card in slots if card.name not in taken)
    state = _without_waiting(state, fresh.name)
    if known is None:
        if len(state.cards) + len(state.registry.instances) >= device.cards:
            raise Rejected(status.NOT_ENOUGH_MEMORY)
        return state.with_card(fresh)
    return state.with_card(replace(known, profile=profile, slot=fresh.slot))


def _without_waiting(state: ElementState, name: bytes) -> ElementState:
    """The state after the application that waits under this name, if any, has got its card.

    Where the wallet installed none the card brings its own: the provider's package is all it takes.
    """
    waiting = state.registry.instance(name)
    if waiting is None:
        return state
    if waiting.locked or waiting.state is not ApplicationState.SELECTABLE:
        raise Rejected(status.CONDITIONS_NOT_SATISFIED)
    return replace(state, registry=state.registry.without_instance(name))


def _without_void(state: ElementState, _: DeviceProfile, value: bytes) -> ElementState:
    """The state without batches that the provider has ended: their keys go with them."""
    standing = Standing.decode(value)
    card = state.card(standing.card_ref)
    if card is None:
        raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
    void = [b for b in card.batches if b.header.batch_ref not in standing.batch_refs]
    return state.with_card(_forgetting(card, void))


def _ordered(state: ElementState, _: DeviceProfile, value: bytes) -> ElementState:
    """The state with the cards of these references first, the default one before all."""
    size = perso.CARD_REF_BYTES
    order = tuple([value[at : at + size] for at in range(0, len(value), size)])
    if len(value) % size or not order or len(set(order)) != len(order):
        raise Rejected(status.WRONG_DATA)
    try:
        return state.ordered(order)
    except NotFoundError:
        raise Rejected(status.REFERENCED_DATA_NOT_FOUND) from None


def _suspended(state: ElementState, _: DeviceProfile, value: bytes) -> ElementState:
    """The state with a card suspended (01) or resumed (00)."""
    card = state.card(value[: perso.CARD_REF_BYTES])
    if card is None:
        raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
    if value[perso.CARD_REF_BYTES :] not in (b"\0", b"\1"):
        raise Rejected(status.WRONG_DATA)
    return state.with_card(replace(card, suspended=value[-1] == 1))


def _open_batch(
    state: ElementState,
    header: BatchHeader,
    arriving: dict[bytes, _Arriving],
    skipped: set[bytes],
) -> None:
    card = state.card(header.card_ref)
    if card is None:
        raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
    if card.knows(header.batch_ref):
        skipped.add(header.batch_ref)
    elif header.batch_ref in arriving:
        raise Rejected(status.WRONG_DATA)
    else:
        arriving[header.batch_ref] = _Arriving(header)


def _collect(dgi: Dgi, arriving: dict[bytes, _Arriving], skipped: set[bytes]) -> None:
    if dgi.identifier != perso.CREDENTIALS:
        raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
    part = Credentials.decode(dgi.value)
    if part.batch_ref in arriving:
        arriving[part.batch_ref].credentials += part.credentials
    elif part.batch_ref not in skipped:
        raise Rejected(status.WRONG_DATA)


def _with_batch(
    state: ElementState, device: DeviceProfile, arrived: _Arriving, now: datetime
) -> ElementState:
    card = state.card(arrived.header.card_ref)
    credentials = tuple(arrived.credentials)
    fits = 1 <= len(credentials) <= perso.CREDENTIALS_MAX
    if card is None or not fits or not _distinct(state, credentials):
        raise Rejected(status.WRONG_DATA)
    card = _tidied(card, now)
    if len(card.batches) >= device.batches:
        raise Rejected(status.NOT_ENOUGH_MEMORY)
    batches = (*card.batches, Batch(arrived.header, credentials))
    return state.with_card(replace(card, batches=batches))


def _distinct(state: ElementState, credentials: tuple[Credential, ...]) -> bool:
    """Whether no number comes twice, here or in what is loaded already."""
    here = {
        credential.number
        for card in state.cards
        for batch in card.batches
        for credential in batch.credentials
        if credential is not None
    }
    numbers = {credential.number for credential in credentials}
    return len(numbers) == len(credentials) and not numbers & here


def _tidied(card: Card, now: datetime) -> Card:
    """The card without batches that can't pay any more; their references are remembered."""
    today = f"{now:%y%m%d}"
    over = [
        batch for batch in card.batches if batch.header.expiry < today or not any(batch.credentials)
    ]
    return _forgetting(card, over)


def _forgetting(card: Card, over: Sequence[Batch]) -> Card:
    forgotten = card.forgotten + tuple(batch.header.batch_ref for batch in over)
    kept = tuple(batch for batch in card.batches if batch not in over)
    return replace(card, batches=kept, forgotten=forgotten[-FORGOTTEN_MAX:])


# What changes cards that are here: each works on its own, in the order in which it comes.
_OF_CARDS: Mapping[int, Callable[[ElementState, DeviceProfile, bytes], ElementState]] = {
    perso.CARD_PROFILE: _with_profile,
    perso.STANDING: _without_void,
    perso.ISSUER_KEY: _with_issuer_key,
    perso.CARD_ORDER: _ordered,
    perso.CARD_SUSPENSION: _suspended,
}
