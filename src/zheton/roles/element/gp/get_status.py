"""GET STATUS (GPC 2.3.1, 11.4): the registry, entry by entry, in as many answers as it takes."""

from collections.abc import Iterator
from dataclasses import dataclass

from zheton.core.emv import status, tags
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.tlv import encode, read_tag
from zheton.core.errors import DecodeError
from zheton.roles.element.gp.call import Call, objects
from zheton.roles.element.registry import (
    LOAD_FILE_AID,
    LOAD_FILE_VERSION,
    MODULE_AID,
)
from zheton.roles.element.rejected import Rejected
from zheton.roles.element.state import ElementState

_ISSUER_DOMAIN, _APPLICATIONS, _LOAD_FILES, _LOAD_FILES_AND_MODULES = 0x80, 0x40, 0x20, 0x10
_KINDS = (_ISSUER_DOMAIN, _APPLICATIONS, _LOAD_FILES, _LOAD_FILES_AND_MODULES)
_NEXT, _TAGGED = 0x01, 0x02  # P2 (table 11-33)
_TAG_LIST = 0x5C
# What fits one short answer with encryption, padding and R-MAC around it (Amendment D, 6.2.7).
_ANSWER_BYTES_MAX = 239

# Table 11-36
_ENTRY, _LIFE_CYCLE, _PRIVILEGES, _LOAD_FILE, _VERSION, _DOMAIN, _MODULE = (
    0xE3,
    0x9F70,
    0xC5,
    0xC4,
    0xCE,
    0xCC,
    0x84,
)
_LOADED = b"\x01"  # table 11-3
# Table 11-7: Security Domain; with Card Lock, Card Terminate, Card Reset, Final Application,
# Global Delete, Global Lock and Global Registry for the issuer's.
_ISSUER_PRIVILEGES = bytes.fromhex("9EDE00")
_DOMAIN_PRIVILEGES = bytes.fromhex("808000")
_NO_PRIVILEGES = bytes(3)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the registry: its name and what is told of it."""

    aid: bytes
    values: tuple[tuple[int, bytes], ...]

    def encode(self, wanted: tuple[int, ...]) -> bytes:
        """E3 with name and values, or with those of them that a tag list asks for."""
        told = ((tags.ADF_NAME, self.aid), *self.values)
        chosen = [encode(tag, value) for tag, value in told if not wanted or tag in wanted]
        return encode(_ENTRY, b"".join(chosen))


class Listing:
    """GET STATUS on one link: it remembers what the *next occurrence* is."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._kind: int | None = None

    def forget(self) -> None:
        """The session is over."""
        self._rest, self._kind = [], None

    def answer(self, call: Call) -> Response:
        """The entries that fit, 6310 if there are more; Rejected 6A86, 6A80, or 6A88 for none."""
        command = call.command
        if command.p1 not in _KINDS or command.p2 & ~_NEXT != _TAGGED:
            raise Rejected(status.INCORRECT_P1_P2)
        if not command.p2 & _NEXT:
            criterion, wanted = _question(command)
            self._kind = command.p1
            self._rest = [
                entry.encode(wanted)
                for entry in _entries(call, command.p1)
                if entry.aid.startswith(criterion)
            ]
        if not self._rest or self._kind != command.p1:
            raise Rejected(status.REFERENCED_DATA_NOT_FOUND)
        answer = self._rest.pop(0)
        while self._rest and len(answer) + len(self._rest[0]) <= _ANSWER_BYTES_MAX:
            answer += self._rest.pop(0)
        return Response(answer, status.MORE_DATA if self._rest else status.SUCCESS)


def _question(command: Command) -> tuple[bytes, tuple[int, ...]]:
    """The search criterion (4F, an AID or its beginning) and the tag list (5C), if there is one."""
    given = objects(command.data)
    values = {each.tag: each.value for each in given}
    known = values.keys() <= {tags.ADF_NAME, _TAG_LIST} and len(values) == len(given)
    if not known or tags.ADF_NAME not in values or len(values[tags.ADF_NAME]) > 16:
        raise Rejected(status.WRONG_DATA)
    listed, wanted, at = values.get(_TAG_LIST, b""), [], 0
    try:
        while at < len(listed):
            tag, at = read_tag(listed, at, len(listed))
            wanted.append(tag)
    except DecodeError:
        raise Rejected(status.WRONG_DATA) from None
    return values[tags.ADF_NAME], tuple(wanted)


def _entries(call: Call, kind: int) -> Iterator[_Entry]:
    """The lines of a kind that a domain may see: all for the issuer's, its own for the other."""
    state = call.state
    issuer = call.domain.aid == state.issuer_domain.aid
    if kind == _ISSUER_DOMAIN and issuer:
        card_state = bytes((state.registry.card_state,))
        values = ((_LIFE_CYCLE, card_state), (_PRIVILEGES, _ISSUER_PRIVILEGES))
        yield _Entry(state.issuer_domain.aid, values)
    if kind == _APPLICATIONS:
        yield from _applications(state)
    if kind in (_LOAD_FILES, _LOAD_FILES_AND_MODULES):
        modules = ((_MODULE, MODULE_AID),) if kind == _LOAD_FILES_AND_MODULES else ()
        domain = (_DOMAIN, state.payment_domain.aid)
        values = ((_LIFE_CYCLE, _LOADED), (_VERSION, LOAD_FILE_VERSION), *modules, domain)
        yield _Entry(LOAD_FILE_AID, values)


def _applications(state: ElementState) -> Iterator[_Entry]:
    domain = state.payment_domain
    yield _Entry(
        domain.aid,
        (
            (_LIFE_CYCLE, bytes((domain.lifecycle,))),
            (_PRIVILEGES, _DOMAIN_PRIVILEGES),
            (_DOMAIN, state.issuer_domain.aid),
        ),
    )
    named = [(card.name, card.lifecycle) for card in state.cards]
    named += [(waiting.aid, waiting.lifecycle) for waiting in state.registry.instances]
    for aid, lifecycle in named:
        yield _Entry(
            aid,
            (
                (_LIFE_CYCLE, bytes((lifecycle,))),
                (_PRIVILEGES, _NO_PRIVILEGES),
                (_LOAD_FILE, LOAD_FILE_AID),
                (_DOMAIN, domain.aid),
            ),
        )
