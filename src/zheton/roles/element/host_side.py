"""The host interface: the security domains for the owners of keys, an application for the wearer.

Which of them a command is for follows from what was selected last.
"""

from datetime import datetime

from zheton.core.emv.apdu import Command, Response
from zheton.core.emv.perso import WEARER_AID
from zheton.roles.element.gp.interface import ManagementInterface
from zheton.roles.element.identity import Identity
from zheton.roles.element.wearer_app import WearerApplication

_SELECT = (0x00, 0xA4, 0x04, 0x00)


class HostSide:
    """What the device's own processor talks to, and the phone through it."""

    def __init__(
        self, domains: ManagementInterface, wearer: WearerApplication, identity: Identity
    ) -> None:
        self._domains, self._wearer, self._identity = domains, wearer, identity
        self._of_wearer = False

    def reset(self) -> None:
        """The link is cut: selection and session end."""
        self._of_wearer = False
        self._domains.reset()

    def answer(self, command: Command, now: datetime) -> Response:
        """The response to one command; UnreachableError if the memory fails."""
        selects = (command.cla, command.ins, command.p1, command.p2) == _SELECT
        if selects and command.data == WEARER_AID:
            self._domains.reset()
            self._of_wearer = True
            return self._wearer.select()
        if not self._of_wearer:
            who = self._identity.answer(command)
            if who is None:
                return self._domains.answer(command, now)
            self._domains.reset()  # it belongs to no session, so one that was open ends
            return who
        if command.ins != _SELECT[1]:
            return self._wearer.answer(command, now)
        response = self._domains.answer(command, now)
        self._of_wearer = not response.ok  # a refused SELECT leaves the selection as it was
        return response
