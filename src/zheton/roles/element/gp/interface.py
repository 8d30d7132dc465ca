"""Management on one link: SELECT of a domain, its session, and the commands inside it.

The device's own host has such a link; a laboratory's chip has one on the reader's side, too. Only
the holder of a domain's keys changes anything. The issuer domain manages content and life cycles
and can't personalise; the payment domain personalises what is its own and manages its own keys.
"""

from collections.abc import Callable
from datetime import datetime

from zheton.core.emv import status
from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.tlv import encode
from zheton.core.scp03.channel import SECURE_MESSAGING
from zheton.roles.element import directory
from zheton.roles.element.chip import Chip
from zheton.roles.element.gp import get_data
from zheton.roles.element.gp.call import Call, Change
from zheton.roles.element.gp.channel import SecureChannel
from zheton.roles.element.gp.delete import delete
from zheton.roles.element.gp.get_status import Listing
from zheton.roles.element.gp.install import FOR_PERSONALIZATION, install
from zheton.roles.element.gp.put_key import put_key
from zheton.roles.element.gp.set_status import set_status
from zheton.roles.element.gp.store_data import Blocks
from zheton.roles.element.registry import AID_BYTES, CardState, Domain
from zheton.roles.element.rejected import Rejected

_SELECT, _GET_DATA = 0xA4, 0xCA
_INITIALIZE_UPDATE, _EXTERNAL_AUTHENTICATE = 0x50, 0x82
_DELETE, _STORE_DATA, _INSTALL, _SET_STATUS, _GET_STATUS, _PUT_KEY = (
    0xE4,
    0xE2,
    0xE6,
    0xF0,
    0xF2,
    0xD8,
)
_MANAGING = {_DELETE, _STORE_DATA, _INSTALL, _SET_STATUS, _GET_STATUS, _PUT_KEY}
_KNOWN = _MANAGING | {_SELECT, _GET_DATA, _INITIALIZE_UPDATE, _EXTERNAL_AUTHENTICATE}
_OF_CARD_LOCKED = {_SET_STATUS, _GET_STATUS}  # no content or keys change then (GPC, 5.1.1.4)
_ISO, _GLOBALPLATFORM = 0x00, 0x80
_CLASSES = (_ISO, _GLOBALPLATFORM, _GLOBALPLATFORM | SECURE_MESSAGING)
# An FCI says how long a command may be (GPC, 11.9.3.1).
_MAXIMUM_COMMAND_DATA = 0x9F65
_COMMAND_DATA_MAX = b"\xff"


class ManagementInterface:
    """What the holders of the domains' keys talk to."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self._channel = SecureChannel(chip)
        self._blocks, self._listing = Blocks(), Listing()
        # Nothing is selected until the host does so: the issuer domain, as the default application
        # (GPC, 6.4.1), is what an empty SELECT means.
        self._selected: bytes | None = None

    def takes(self, command: Command) -> bool:
        """Whether a command is for this side of a link that payment applications share.

        That is SELECT of a domain by its whole RID at least, or of nothing; then all that follows.
        """
        if command.ins != _SELECT:
            return self._selected is not None
        names = [each.aid for each in self._chip.state.domains]
        whole = len(command.data) >= AID_BYTES.start
        return not command.data or (whole and any(n.startswith(command.data) for n in names))

    def reset(self) -> None:
        """The link is cut: selection and session end."""
        self._selected = None
        self._end_session()

    def answer(self, command: Command, now: datetime) -> Response:
        """The response to one command; UnreachableError if the memory fails."""
        if command.cla not in _CLASSES:
            return Response(sw=status.CLASS_NOT_SUPPORTED)
        if command.ins not in _KNOWN:
            return Response(sw=status.INSTRUCTION_NOT_SUPPORTED)
        of_iso = command.cla == _ISO
        if command.ins != _GET_DATA and of_iso != (command.ins == _SELECT):
            return Response(sw=status.CLASS_NOT_SUPPORTED)
        if command.ins == _SELECT:
            return self._select(command)
        domain = self._domain()
        if domain is None:
            return Response(sw=status.CONDITIONS_NOT_SATISFIED)
        return self._in_domain(domain, command, now)

    def _in_domain(self, domain: Domain, command: Command, now: datetime) -> Response:
        terminated = self._chip.state.registry.card_state is CardState.TERMINATED
        # Inside a session everything has to be part of it, GET DATA too.
        outside = not self._channel.is_open and not command.cla & SECURE_MESSAGING
        if command.ins == _GET_DATA and (outside or terminated):
            return self._get_data(domain, command)
        if terminated:
            return Response(sw=status.CONDITIONS_NOT_SATISFIED)
        if command.ins == _INITIALIZE_UPDATE:
            self._end_session()
            return self._channel.initialize_update(domain, command)
        if command.ins == _EXTERNAL_AUTHENTICATE:
            self._end_session(half_open_too=False)
            return self._channel.external_authenticate(domain, command)
        return self._in_session(domain, command, now)

    def _select(self, command: Command) -> Response:
        """GPC, 11.9: an empty name is the issuer domain's; in CARD_LOCKED there is no other."""
        registry, issuer = self._chip.state.registry, self._chip.state.issuer_domain
        domains = {each.aid: each for each in self._chip.state.domains}
        if command.p1 == directory.BY_NAME and not command.p2 and not command.data:
            found: bytes | Response = issuer.aid
        else:
            found = directory.select(tuple(domains), self._selected, command)
        if isinstance(found, Response):
            return found
        if registry.card_state is CardState.TERMINATED or not (
            registry.pays or found == issuer.aid
        ):
            return Response(sw=status.FUNCTION_NOT_SUPPORTED)
        self.reset()
        self._selected = found
        told = get_data.recognition() + encode(_MAXIMUM_COMMAND_DATA, _COMMAND_DATA_MAX)
        warned = domains[found].locked or not registry.pays
        sw = status.FILE_DEACTIVATED if warned else status.SUCCESS
        return Response(directory.describe(found, told), sw)

    def _get_data(self, domain: Domain, command: Command) -> Response:
        try:
            tag = command.p1 << 8 | command.p2
            return Response(get_data.get_data(self._chip.state, domain, tag))
        except Rejected as rejected:
            return Response(sw=rejected.sw)

    def _in_session(self, domain: Domain, command: Command, now: datetime) -> Response:
        plain = self._channel.unwrap(domain, command)
        if isinstance(plain, Response):
            self._end_session()
            return plain
        payment = domain.aid == self._chip.state.payment_domain.aid
        if plain.ins == _STORE_DATA and payment and not self._channel.level.encrypts_commands:
            # Whoever has taken the encryption away may read the keys that come.
            self._end_session()
            return self._channel.refuse(domain, status.SECURITY_STATUS_NOT_SATISFIED)
        if plain.ins not in (_STORE_DATA, _INSTALL):
            self._blocks.forget()
        return self._channel.wrap(self._done(domain, plain, now))

    def _done(self, domain: Domain, command: Command, now: datetime) -> Response:
        """The response to an authentic command, before it is wrapped."""
        if command.ins == _GET_DATA:
            return self._get_data(domain, command)
        registry = self._chip.state.registry
        if not registry.pays and command.ins not in _OF_CARD_LOCKED:
            return Response(sw=status.CONDITIONS_NOT_SATISFIED)
        call = Call(self._chip.state, domain, self._chip.profile, command, self._channel.dek)
        try:
            if command.ins == _GET_STATUS:
                return self._listing.answer(call)
            change = self._verb(call)(call, now)
        except Rejected as rejected:
            return Response(sw=rejected.sw)
        if change.state != self._chip.state:
            self._chip.commit(change.state)
            self._chip.close_unless_payable()
        return Response(change.data)

    def _verb(self, call: Call) -> Callable[[Call, datetime], Change]:
        """What a domain does at a command; Rejected (6985) where it has not the privilege."""
        ins, issuer = call.command.ins, call.domain.aid == call.state.issuer_domain.aid
        if ins == _STORE_DATA:
            return self._blocks.store
        if ins == _PUT_KEY:
            return lambda call, _: put_key(call)
        if ins == _INSTALL and not issuer and call.command.p1 == FOR_PERSONALIZATION:
            return lambda call, _: self._blocks.personalise(call)
        if ins == _DELETE:
            return lambda call, _: delete(call)
        if not issuer or call.command.p1 == FOR_PERSONALIZATION:
            raise Rejected(status.CONDITIONS_NOT_SATISFIED)
        return lambda call, _: (install if ins == _INSTALL else set_status)(call)

    def _domain(self) -> Domain | None:
        """The selected domain as it is now, or None; of a locked card only the issuer's answers."""
        state = self._chip.state
        if state.registry.card_state is CardState.TERMINATED:
            return state.issuer_domain
        found = next((each for each in state.domains if each.aid == self._selected), None)
        if found is None or state.registry.pays or found == state.issuer_domain:
            return found
        return None

    def _end_session(self, *, half_open_too: bool = True) -> None:
        self._blocks.forget()
        self._listing.forget()
        if half_open_too:
            self._channel.end()
