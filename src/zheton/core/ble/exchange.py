"""The band's end of the command channel: one command at a time, none executed twice.

A companion that lost a response sends the command again under its id and hears the same response;
the element has executed it once. A command under way makes every other one BUSY.
"""

from dataclasses import dataclass

from zheton.core.ble.fragment import Broken, Fault, Message, Reassembler


@dataclass(frozen=True, slots=True)
class Execute:
    """A command to give to the element; `answered` takes its response."""

    number: int
    command: bytes


class Responder:
    """One connection's commands, from fragments to what is to be done with them."""

    def __init__(self) -> None:
        self._incoming = Reassembler()
        self._under_way: Message | None = None
        self._last: tuple[Message, Message] | None = None  # a command and its response

    def take(self, fragment: bytes) -> Execute | Message | None:
        """A command to execute, a message to send at once, or nothing yet."""
        got = self._incoming.feed(fragment)
        if got is None:
            return None
        if isinstance(got, Broken):
            return fault(got.number, got.fault)
        if got.error:
            return fault(got.number, Fault.MALFORMED)  # errors go the other way
        if self._under_way is not None:
            # A repetition is on its way to its answer; another command is not.
            return None if got == self._under_way else fault(got.number, Fault.BUSY)
        if self._last is not None and self._last[0] == got:
            return self._last[1]
        self._under_way = got
        return Execute(got.number, got.content)

    def answered(self, response: bytes) -> Message:
        """The message that carries the response of the command under way."""
        if self._under_way is None:
            raise AssertionError("no command is under way")
        command, self._under_way = self._under_way, None
        answer = Message(command.number, response)
        self._last = (command, answer)
        return answer


def fault(number: int, why: Fault) -> Message:
    """An error message.

    >>> fault(3, Fault.BUSY)
    Message(number=3, content=b'\\x06', error=True)
    """
    return Message(number, bytes((why,)), error=True)
