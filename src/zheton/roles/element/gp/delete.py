"""DELETE (GPC 2.3.1, 11.2): applications with all that they hold, and key sets.

The load file is in the chip's ROM, so deleting it *with related objects* erases every payment
application and leaves its own entry (9.5): the owner's wipe.
"""

from dataclasses import replace

from zheton.core.emv import status, tags
from zheton.core.emv.tlv import Tlv
from zheton.roles.element.gp.call import Call, Change, objects
from zheton.roles.element.registry import LOAD_FILE_AID
from zheton.roles.element.rejected import Rejected
from zheton.roles.element.state import ElementState

_RELATED_OBJECTS = 0x80  # P2
_KEY_IDENTIFIER, _KEY_VERSION = 0xD0, 0xD2
_CONFIRMED = b"\x00"


def delete(call: Call) -> Change:
    """The state without what is named (4F), or without a key set (D2); Rejected otherwise.

    6A88 if it is not here, 6985 if it can't go: a domain, the load file alone, the last key set,
    or an application at the word of another domain than the issuer's.
    """
    command = call.command
    if command.p1 or command.p2 & ~_RELATED_OBJECTS:
        raise Rejected(status.INCORRECT_P1_P2)
    given = objects(command.data)
    if {each.tag for each in given} & {_KEY_VERSION, _KEY_IDENTIFIER}:
        return Change(_without_keys(call, given), _CONFIRMED)
    if call.domain.aid != call.state.issuer_domain.aid:
        raise Rejected(status.CONDITIONS_NOT_SATISFIED)
    if len(given) != 1 or given[0].tag != tags.ADF_NAME:
        raise Rejected(status.WRONG_DATA)
    related = bool(command.p2 & _RELATED_OBJECTS)
    return Change(_without(call.state, given[0].value, related=related), _CONFIRMED)


def _without(state: ElementState, aid: bytes, *, related: bool) -> ElementState:
    if aid == LOAD_FILE_AID and related:
        return without_applications(state)
    if aid == LOAD_FILE_AID or aid in {domain.aid for domain in state.domains}:
        raise Rejected(status.CONDITIONS_NOT_SATISFIED)
    registry = state.registry.without_instance(aid)
    cards = tuple(card for card in state.cards if card.name != aid)
    if registry == state.registry and cards == state.cards:
        raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
    return replace(state, registry=registry, cards=cards)


def without_applications(state: ElementState) -> ElementState:
    """The state without any payment application: their credentials leave the memory."""
    return replace(state, registry=replace(state.registry, instances=()), cards=())


def _without_keys(call: Call, given: tuple[Tlv, ...]) -> ElementState:
    """The state without a key set; sets stay whole, so no single key of one can go (11.2.2.3.2)."""
    if len(given) != 1 or given[0].tag != _KEY_VERSION or len(given[0].value) != 1:
        raise Rejected(status.WRONG_DATA)
    domain, version = call.domain, given[0].value[0]
    kept = tuple(each for each in domain.key_sets if each.version != version)
    if kept == domain.key_sets:
        raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
    if not kept:
        raise Rejected(status.CONDITIONS_NOT_SATISFIED)
    return call.state.with_domain(replace(domain, key_sets=kept))
