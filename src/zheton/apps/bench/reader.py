"""A PC/SC reader for a bench: a pcscd that shares nothing with any other, and a band in it.

The service's run folder is a tmpfs in a mount namespace of its own, so that it meets no other
service in /run; the bench finds its socket through /proc. It is ended by the process id that
started it.
"""

import atexit
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock, Thread
from types import TracebackType
from typing import Self, TypeVar

from zheton.adapters.clock import Clock
from zheton.adapters.pcsc import PcscCard, Reader, readers
from zheton.adapters.vpcd import ATR_CONTACTLESS, Events, VirtualCard
from zheton.core.errors import UnreachableError
from zheton.roles.element.element import Element, Interface
from zheton.roles.element.transport import Link, Protocol

T = TypeVar("T")

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
READER = "Zheton bench"
SOCKET_VARIABLE = "PCSCLITE_CSOCK_NAME"
START_S_MAX, LOOK_EVERY_S = 20.0, 0.02
_START = 'mount -t tmpfs tmpfs /run && mkdir /run/pcscd && exec pcscd -f -c "$1"'


def why_no_reader() -> str | None:
    """What this machine lacks for a reader, as a sentence; None if nothing."""
    for program, package in (("pcscd", "pcscd"), ("unshare", "util-linux")):
        if shutil.which(program) is None:
            return f"{program} is not installed (package {package})"
    if not DRIVER.exists():
        return "the virtual reader's driver is not installed (package vsmartcard-vpcd)"
    if find_spec("smartcard") is None:
        return "pyscard is not installed (make pcsc)"
    if SOCKET_VARIABLE in os.environ:  # libpcsclite reads it once in the life of a process
        return f"{SOCKET_VARIABLE} binds this process to another service"
    return None


class BandReader:
    """A service with one virtual reader, and an element as the card in it."""

    def __init__(
        self,
        element: Element,
        turn: Lock,
        clock: Clock,
        folder: Path,
        interface: Interface = Interface.NFC,
    ) -> None:
        """`turn` is held by whoever speaks to the element, which takes one caller at a time.

        `interface` is where the reader's commands arrive; a factory's contacts lead to the host's.
        """
        self._turn, self._clock, self._folder = turn, clock, folder
        self._interface = interface
        self.element = element  # another one may take its place between two uses
        self._link = Link(Protocol.T1)
        self._port = _free_port()

    def __enter__(self) -> Self:
        self._service = self._start()
        try:
            name = _socket_name()
            name.unlink(missing_ok=True)
            name.symlink_to(f"/proc/{self._service.pid}/root/run/pcscd/pcscd.comm")
            os.environ[SOCKET_VARIABLE] = str(name)
            self._wait_until(self._ready, "The PC/SC service of the bench")
            events = Events(power_on=self._left, power_off=self._left, reset=self._left)
            self._card = VirtualCard(self._answer, events, atr=ATR_CONTACTLESS, port=self._port)
            self._card.__enter__()
            self._serving = Thread(target=self._card.serve, daemon=True)
            self._serving.start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._card.remove()
        self._serving.join(START_S_MAX)
        self._card.__exit__(kind, error, trace)
        self._stop()

    def with_card(self, use: Callable[[PcscCard], T]) -> T:
        """What `use` makes of the card, connected to anew as for every tap."""
        with Reader(READER) as reader, reader.wait_for_card(START_S_MAX) as card:
            return use(card)

    def _start(self) -> subprocess.Popen[bytes]:
        configuration = self._folder / "reader.conf"
        configuration.write_text(
            f'FRIENDLYNAME "{READER}"\nDEVICENAME /dev/null:{self._port:#x}\n'
            f"LIBPATH {DRIVER}\nCHANNELID {self._port:#x}\n"
        )
        # Without root, a user namespace gives the right to mount.
        space = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
        command = ["unshare", *space, "sh", "-c", _START, "sh", str(configuration)]
        return subprocess.Popen(  # noqa: S603 nothing in it comes from outside
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _stop(self) -> None:
        self._service.terminate()
        self._service.wait(START_S_MAX)
        os.environ.pop(SOCKET_VARIABLE, None)

    def _ready(self) -> bool:
        if self._service.poll() is not None:
            raise UnreachableError("The PC/SC service of the bench ended as soon as it began.")
        try:
            return any(READER in name for name in readers())
        except UnreachableError:
            return False

    def _wait_until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_S_MAX
        while not holds():
            if time.monotonic() > deadline:
                raise UnreachableError(f"{what} did not start within {START_S_MAX:g} s.")
            time.sleep(LOOK_EVERY_S)

    def _answer(self, command: bytes) -> bytes:
        with self._turn:
            return self._link.exchange(
                command,
                lambda each: self.element.transmit(self._interface, each, self._clock.now()),
            )

    def _left(self) -> None:
        with self._turn:
            self._link.reset()
            self.element.reset(self._interface)


def _socket_name() -> Path:
    """Where the service of every bench of this process is found: libpcsclite keeps the name."""
    return _folder_of_this_process() / "pcscd.comm"


@cache
def _folder_of_this_process() -> Path:
    folder = Path(mkdtemp(prefix="zheton-pcscd-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _free_port() -> int:
    """A port that is free and has a free one after it: the driver's two slots listen on both."""
    for _ in range(100):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1]
            try:
                with socket.create_server(("127.0.0.1", port + 1)):
                    return port
            except OSError:
                continue
    raise UnreachableError("No two neighbouring ports are free for the bench's reader.")
