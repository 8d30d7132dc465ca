"""The element's state as the bytes of its memory, and back.

An image is a run of data groupings in the form of `core.emv.perso`: what the provider loaded is
kept as it came, the element's own data have identifiers of their own. A batch and the list of
forgotten batches belong to the card before them.
"""

from dataclasses import replace

from zheton.core.crypto.rsa import PrivateKey
from zheton.core.emv.card_profile import CardProfile
from zheton.core.emv.card_records import IssuerKey
from zheton.core.emv.perso import (
    BATCH_REF_BYTES,
    CREDENTIAL_BYTES,
    BatchHeader,
    CardCertificates,
    Credential,
    Dgi,
    decode_dgis,
    encode_dgis,
)
from zheton.core.errors import DecodeError
from zheton.roles.element import registry_image
from zheton.roles.element.log import ENTRY_BYTES
from zheton.roles.element.state import SERIAL_BYTES, Batch, Card, ElementState
from zheton.roles.element.wearer import NOBODY, Wearer

_VERSION = 2
_ELEMENT, _DOMAIN, _CARD, _BATCH, _FORGOTTEN = 0xF001, 0xF002, 0xF003, 0xF004, 0xF005
_SIGNING_KEY, _ISSUER_KEY, _CERTIFICATES = 0xF006, 0xF007, 0xF008
_WEARER, _LOG, _SUSPENDED = 0xF011, 0xF012, 0xF013
_ISSUER_DOMAIN, _REGISTRY, _INSTANCE, _LOCKED = 0xF101, 0xF102, 0xF103, 0xF104
_CERTIFICATE, _RESETS = 0xF010, 0xF014
_HEADER_BYTES, _MAP_BYTES = 32, 8
_ERASED = bytes(CREDENTIAL_BYTES)


def encode(state: ElementState) -> bytes:
    """The image of a state."""
    dgis = [
        Dgi(_ELEMENT, bytes((_VERSION,)) + state.serial),
        Dgi(_DOMAIN, registry_image.domain_bytes(state.payment_domain)),
        Dgi(_ISSUER_DOMAIN, registry_image.domain_bytes(state.issuer_domain)),
        Dgi(_REGISTRY, registry_image.registry_bytes(state.registry)),
    ]
    for each in state.registry.instances:
        dgis.append(Dgi(_INSTANCE, registry_image.instance_bytes(each)))
    if state.signing_key is not None:
        dgis.append(Dgi(_SIGNING_KEY, state.signing_key.encode()))
    if state.wearer != NOBODY:
        dgis.append(Dgi(_WEARER, state.wearer.encode()))
    if state.certificate:
        dgis.append(Dgi(_CERTIFICATE, state.certificate))
    if state.resets:
        dgis.append(Dgi(_RESETS, state.resets.to_bytes(2)))
    for card in state.cards:
        dgis += _card_dgis(card)
    return encode_dgis(dgis)


def _card_dgis(card: Card) -> list[Dgi]:
    """A card, and after it all the parts that belong to it."""
    dgis = [Dgi(_CARD, bytes((card.slot,)) + card.profile.encode())]
    if card.locked:
        dgis.append(Dgi(_LOCKED, b""))
    if card.issuer_key is not None:
        dgis.append(Dgi(_ISSUER_KEY, card.issuer_key.encode()))
    if card.log:
        dgis.append(Dgi(_LOG, b"".join(card.log)))
    if card.suspended:
        dgis.append(Dgi(_SUSPENDED, b""))
    for batch in card.batches:
        dgis.append(Dgi(_BATCH, _batch_bytes(batch)))
        if batch.certificates:
            kept = CardCertificates(batch.header.batch_ref, batch.certificates)
            dgis.append(Dgi(_CERTIFICATES, kept.encode()))
    return [*dgis, Dgi(_FORGOTTEN, b"".join(card.forgotten))]


def decode(image: bytes) -> ElementState:
    """The state in an image; DecodeError if the bytes are none that `encode` wrote."""
    dgis = decode_dgis(image)
    if len(dgis) < 2 or (dgis[0].identifier, dgis[1].identifier) != (_ELEMENT, _DOMAIN):
        raise DecodeError("it does not begin as one", field="element image", offset=0)
    first = dgis[0].value
    if len(first) != 1 + SERIAL_BYTES or first[0] != _VERSION:
        raise DecodeError("it is of another version", field="element image", offset=0)
    state = ElementState(first[1:], registry_image.domain(dgis[1].value))
    cards: list[Card] = []
    for identifier, value in dgis[2:]:
        if identifier == _SIGNING_KEY:
            state = replace(state, signing_key=PrivateKey.decode(value))
        elif identifier == _WEARER:
            state = replace(state, wearer=Wearer.decode(value))
        elif identifier in (_ISSUER_DOMAIN, _REGISTRY, _INSTANCE):
            state = _with_registered(state, identifier, value)
        elif identifier in (_CERTIFICATE, _RESETS):
            state = _with_identity(state, identifier, value)
        elif identifier == _CARD and value:
            cards.append(Card(CardProfile.decode(value[1:]), value[0]))
        elif cards:
            cards[-1] = _with_part(cards[-1], identifier, value)
        else:
            raise _unknown()
    return replace(state, cards=tuple(cards))


def _with_identity(state: ElementState, identifier: int, value: bytes) -> ElementState:
    """The state with its certificate, or with how often it was reset."""
    if identifier == _CERTIFICATE:
        return replace(state, certificate=value)
    return replace(state, resets=int.from_bytes(value[:2]))


def _with_registered(state: ElementState, identifier: int, value: bytes) -> ElementState:
    """The state with one more record of the registry."""
    if identifier == _ISSUER_DOMAIN:
        return replace(state, issuer_domain=registry_image.domain(value))
    if identifier == _INSTANCE:
        instance = registry_image.instance(value)
        return replace(state, registry=state.registry.with_instance(instance))
    registry = registry_image.registry(value)
    return replace(state, registry=replace(registry, instances=state.registry.instances))


def _with_part(card: Card, identifier: int, value: bytes) -> Card:
    """The card with one more of the parts that belong to the card before them."""
    if identifier == _BATCH:
        return replace(card, batches=(*card.batches, _batch(value)))
    if identifier == _FORGOTTEN:
        return replace(card, forgotten=_pieces(value, BATCH_REF_BYTES))
    if identifier == _ISSUER_KEY:
        return replace(card, issuer_key=IssuerKey.decode(value))
    if identifier == _LOG:
        return replace(card, log=_pieces(value, ENTRY_BYTES))
    if identifier == _SUSPENDED and not value:
        return replace(card, suspended=True)
    if identifier == _LOCKED and not value:
        return replace(card, locked=True)
    if identifier == _CERTIFICATES and card.batches:
        certificates = CardCertificates.decode(value).by_place
        return card.with_batch(replace(card.batches[-1], certificates=certificates))
    raise _unknown()


def _unknown() -> DecodeError:
    return DecodeError("a part of it is unknown", field="element image", offset=0)


def _batch_bytes(batch: Batch) -> bytes:
    credentials = [each.encode() if each else _ERASED for each in batch.credentials]
    maps = batch.shown.to_bytes(_MAP_BYTES) + batch.spent.to_bytes(_MAP_BYTES)
    return batch.header.encode() + maps + b"".join(credentials)


def _batch(value: bytes) -> Batch:
    body = _HEADER_BYTES + 2 * _MAP_BYTES
    if len(value) < body:
        raise DecodeError("a batch is cut short", field="element image", offset=0)
    pieces = _pieces(value[body:], CREDENTIAL_BYTES)
    return Batch(
        BatchHeader.decode(value[:_HEADER_BYTES]),
        tuple([None if piece == _ERASED else Credential.decode(piece) for piece in pieces]),
        shown=int.from_bytes(value[_HEADER_BYTES : _HEADER_BYTES + _MAP_BYTES]),
        spent=int.from_bytes(value[_HEADER_BYTES + _MAP_BYTES : body]),
    )


def _pieces(value: bytes, size: int) -> tuple[bytes, ...]:
    if len(value) % size:
        raise DecodeError("a list is cut short", field="element image", offset=0)
    return tuple(value[start : start + size] for start in range(0, len(value), size))
