"""STORE DATA (GPC 2.3.1, 11.11): blocks are collected and applied at the last one, or not at all.

The payment domain takes packages in DGI format, encrypted, for `load`. The issuer domain takes the
card's own numbers as data objects, and the tries of a locked passcode.
"""

from dataclasses import replace
from datetime import datetime

from zheton.core.emv import status, tags
from zheton.core.emv.perso import PACKAGE_BYTES_MAX
from zheton.roles.element import load
from zheton.roles.element.gp import install
from zheton.roles.element.gp.call import Call, Change, objects
from zheton.roles.element.gp.get_data import CARD_IMAGE_NUMBER, ISSUER_IDENTIFICATION_NUMBER
from zheton.roles.element.passcode import TRIES_MAX
from zheton.roles.element.registry import IDENTIFICATION_BYTES_MAX
from zheton.roles.element.rejected import Rejected
from zheton.roles.element.state import ElementState

_LAST_BLOCK = 0x80  # P1: table 11-89
_DGI_FORMAT, _TLV_FORMAT = 0x08, 0x10
_BLOCKS_MAX = 0x100


class Blocks:
    """The blocks that one session has brought, and the application that they are for."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._target: bytes | None = None

    def forget(self) -> None:
        """The session is over, or another command came in between."""
        self._blocks, self._target = [], None

    def personalise(self, call: Call) -> Change:
        """INSTALL [for personalization]: what follows is for this application (11.5.2.3.6)."""
        self._blocks = []
        self._target = install.personalized(call.state, call.command.data)
        return Change(call.state)

    def store(self, call: Call, now: datetime) -> Change:
        """Keep a block; at the last one the state after all of them. Rejected, all forgotten."""
        try:
            whole = self._collected(call)
            if whole is None:
                return Change(call.state)
            state = self._applied(call, whole, now)
        except Rejected:
            self.forget()
            raise
        self.forget()
        return Change(state)

    def _collected(self, call: Call) -> bytes | None:
        """All blocks together if this is the last one."""
        command = call.command
        issuer = call.domain.aid == call.state.issuer_domain.aid
        in_format = command.p1 & ~_LAST_BLOCK == (_TLV_FORMAT if issuer else _DGI_FORMAT)
        if command.p2 != len(self._blocks) % _BLOCKS_MAX or not in_format:
            raise Rejected(status.INCORRECT_P1_P2)
        self._blocks.append(command.data)
        if not command.p1 & _LAST_BLOCK:
            if len(self._blocks) >= _BLOCKS_MAX:
                raise Rejected(status.NOT_ENOUGH_MEMORY)
            return None
        whole = b"".join(self._blocks)
        if len(whole) > PACKAGE_BYTES_MAX:
            raise Rejected(status.NOT_ENOUGH_MEMORY)
        return whole

    def _applied(self, call: Call, whole: bytes, now: datetime) -> ElementState:
        if call.domain.aid == call.state.issuer_domain.aid:
            return _with_objects(call.state, whole)
        state = load.apply(call.state, call.device, whole, now)
        if self._target is not None and state.named(self._target) is None:
            raise Rejected(status.WRONG_DATA)
        return state


def _with_objects(state: ElementState, data: bytes) -> ElementState:
    """The state with issuer identification number (42) and card image number (45) as given.

    9F17 with all three tries unlocks the passcode; another number of tries is refused.
    """
    registry, wearer = state.registry, state.wearer
    for each in objects(data):
        if each.tag == tags.PIN_TRY_COUNTER:
            if each.value != bytes((TRIES_MAX,)):
                raise Rejected(status.WRONG_DATA)
            wearer = wearer.unlocked()
            continue
        if not 1 <= len(each.value) <= IDENTIFICATION_BYTES_MAX:
            raise Rejected(status.WRONG_DATA)
        if each.tag == ISSUER_IDENTIFICATION_NUMBER:
            registry = replace(registry, issuer_identification=each.value)
        elif each.tag == CARD_IMAGE_NUMBER:
            registry = replace(registry, card_image=each.value)
        else:
            raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
    return replace(state, registry=registry, wearer=wearer)
