"""INSTALL (GPC 2.3.1, 11.5): payment applications of the load file that the chip was made with.

The issuer domain installs and makes selectable; the application belongs to the payment domain from
the start, whose STORE DATA personalises it. There is nothing to load: the code is in the chip.
"""

from dataclasses import replace

from zheton.core.emv import status
from zheton.roles.element.gp.call import Call, Change
from zheton.roles.element.registry import (
    AID_BYTES,
    LOAD_FILE_AID,
    MODULE_AID,
    ApplicationState,
    Instance,
)
from zheton.roles.element.rejected import Rejected
from zheton.roles.element.state import ElementState

FOR_PERSONALIZATION = 0x20
_FOR_INSTALL, _FOR_MAKE_SELECTABLE = 0x04, 0x08
_FOR_BOTH = _FOR_INSTALL | _FOR_MAKE_SELECTABLE
_NO_PRIVILEGES = (b"\x00", bytes(3))
_APPLICATION_PARAMETERS = b"\xc9"
# The confirmation is absent: no receipt was asked for by delegated management (11.5.3.1).
_CONFIRMED = b"\x00"


def install(call: Call) -> Change:
    """INSTALL [for install], [for make selectable] or both; Rejected with its status word.

    6A81 for any other kind, 6A88 a load file, module or application that is not here, 6985 a name
    that is taken, 6A84 when the device holds no more cards, 6A80 otherwise.
    """
    kind = call.command.p1
    if call.command.p2:
        raise Rejected(status.INCORRECT_P1_P2)
    if kind not in (_FOR_INSTALL, _FOR_MAKE_SELECTABLE, _FOR_BOTH):
        raise Rejected(status.FUNCTION_NOT_SUPPORTED)
    load_file, module, aid, privileges, parameters, token = fields(call.command.data)
    if token or privileges not in _NO_PRIVILEGES:
        raise Rejected(status.WRONG_DATA)
    if kind & _FOR_INSTALL:
        if (load_file, module) != (LOAD_FILE_AID, MODULE_AID):
            raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
        if len(aid) not in AID_BYTES or parameters[:1] not in (b"", _APPLICATION_PARAMETERS):
            raise Rejected(status.WRONG_DATA)
        installed = _installed(call, aid, kind)
    else:
        installed = _selectable(call.state, aid)
    registry = call.state.registry.with_instance(installed)
    return Change(replace(call.state, registry=registry), _CONFIRMED)


def personalized(state: ElementState, data: bytes) -> bytes:
    """The name in INSTALL [for personalization] (11.5.2.3.6); Rejected (6A88) if it is unknown."""
    *_, aid, privileges, parameters, token = fields(data)
    if privileges or parameters or token:
        raise Rejected(status.WRONG_DATA)
    if state.registry.instance(aid) is None and state.named(aid) is None:
        raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
    return aid


def fields(data: bytes) -> tuple[bytes, ...]:
    """The six fields of INSTALL, each with its length before it; Rejected (6A80) if it is not so.

    Load file, module, application, privileges, parameters, token (tables 11-42 to 11-47).
    """
    found: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            raise Rejected(status.WRONG_DATA)
        found.append(data[at + 1 : end])
        at = end
    if len(found) != 6:
        raise Rejected(status.WRONG_DATA)
    return tuple(found)


def _installed(call: Call, aid: bytes, kind: int) -> Instance:
    state = call.state
    taken = {domain.aid for domain in state.domains} | {LOAD_FILE_AID, MODULE_AID}
    taken |= {card.name for card in state.cards}
    taken |= {waiting.aid for waiting in state.registry.instances}
    if aid in taken:
        raise Rejected(status.CONDITIONS_NOT_SATISFIED)
    if len(state.cards) + len(state.registry.instances) >= call.device.cards:
        raise Rejected(status.NOT_ENOUGH_MEMORY)
    reached = (
        ApplicationState.SELECTABLE if kind & _FOR_MAKE_SELECTABLE else ApplicationState.INSTALLED
    )
    return Instance(aid, reached)


def _selectable(state: ElementState, aid: bytes) -> Instance:
    waiting = state.registry.instance(aid)
    if waiting is None:
        raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
    if waiting.locked:
        raise Rejected(status.CONDITIONS_NOT_SATISFIED)
    return replace(waiting, state=ApplicationState.SELECTABLE)
