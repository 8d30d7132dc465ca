"""The card's side of vpcd's protocol, against a listening socket that speaks the reader's."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from zheton.adapters.vpcd import ATR_CONTACTLESS, Events, VirtualCard
from zheton.core.errors import UnreachableError

TIMEOUT_S = 10.0


class Reader:
    """A reader with one card in it: what vpcd does with its side of the connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, payload: bytes) -> None:
        self._connection.sendall(len(payload).to_bytes(2) + payload)

    def receive(self) -> bytes:
        head = self._connection.recv(2, socket.MSG_WAITALL)
        return self._connection.recv(int.from_bytes(head), socket.MSG_WAITALL)

    def exchange(self, payload: bytes) -> bytes:
        self.send(payload)
        return self.receive()


@contextmanager
def inserted(card_of: "type[Recorder]") -> Iterator[tuple["Recorder", Reader]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        recorder = card_of(listener.getsockname()[1])
        connection, _ = listener.accept()
        connection.settimeout(TIMEOUT_S)
        recorder.thread.start()
        try:
            with connection:
                yield recorder, Reader(connection)
                recorder.card.remove()
        finally:
            recorder.wait()


class Recorder:
    """A card that answers with the command backwards and notes what the reader did."""

    def __init__(self, port: int, atr: bytes = ATR_CONTACTLESS) -> None:
        self.seen: list[str] = []
        self.error: UnreachableError | None = None
        events = Events(
            power_on=lambda: self.seen.append("on"),
            power_off=lambda: self.seen.append("off"),
            reset=lambda: self.seen.append("reset"),
        )
        self.card = VirtualCard(self._answer, events, atr=atr, port=port)
        self.thread = Thread(target=self.serve)

    def wait(self) -> None:
        self.thread.join(TIMEOUT_S)
        assert not self.thread.is_alive()

    def serve(self) -> None:
        try:
            self.card.serve()
        except UnreachableError as error:
            self.error = error

    def _answer(self, command: bytes) -> bytes:
        self.seen.append(command.hex())
        return command[::-1]


def test_controls_and_commands_reach_the_card() -> None:
    with inserted(Recorder) as (card, reader):
        reader.send(b"\x01")
        assert reader.exchange(b"\x04") == ATR_CONTACTLESS
        reader.send(b"\x02")
        assert reader.exchange(b"\x00\xa4\x04\x00") == b"\x00\x04\xa4\x00"
        reader.send(b"\x00")
        assert reader.exchange(bytes(60_000)) == bytes(60_000)
    assert card.seen[:4] == ["on", "reset", "00a40400", "off"]
    assert card.error is None


def test_a_message_in_pieces_is_one_command() -> None:
    with inserted(Recorder) as (_, reader):
        for byte in b"\x00\x04\x00\xa4\x04\x00":
            reader._connection.sendall(bytes((byte,)))
        assert reader.receive() == b"\x00\x04\xa4\x00"


def test_unknown_controls_and_empty_messages_are_not_answered() -> None:
    with inserted(Recorder) as (card, reader):
        reader.send(b"\x7f")
        reader.send(b"")
        assert reader.exchange(b"\x04") == ATR_CONTACTLESS
    assert card.seen == []


def test_a_reader_that_goes_away_is_told() -> None:
    with inserted(Recorder) as (card, reader):
        reader._connection.sendall(b"\x00\x09half")
        reader._connection.close()
        card.wait()
    assert card.error is not None and "pcscd" in str(card.error)


def test_a_card_may_be_removed_twice() -> None:
    with inserted(Recorder) as (card, reader):
        card.card.remove()
        card.card.remove()
        assert reader.receive() == b""


def test_nobody_listening_is_one_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnreachableError, match="Is pcscd running with the vpcd driver"):
        VirtualCard(bytes, port=port)
