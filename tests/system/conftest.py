"""What system tests share: what they need of this machine, and a PC/SC service of their own."""

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from zheton.adapters.pcsc import readers
from zheton.core.errors import UnreachableError

T = TypeVar("T")
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
WAIT_S = 20.0  # far more than any step takes; reached only if something is broken


def require(what: str | Path, package: str) -> None:
    """Skip the test if a program, a file or a Python module is missing; in CI fail instead.

    `what` is the program's name, the file's path or the module's dotted name.
    """
    name = str(what)
    there = shutil.which(name) is not None or (isinstance(what, Path) and what.exists())
    if there or (not isinstance(what, Path) and _is_module(name)):
        return
    _go_without(f"{name} is not here; it comes with {package}")


def require_right(has: bool, right: str) -> None:
    """Skip the test if this process may not do something; in CI fail instead."""
    if not has:
        _go_without(f"this process may not {right}")


def _go_without(reason: str) -> None:
    if os.environ.get("ZHETON_REQUIRE_SYSTEM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def eventually(look: Callable[[], T], what: str) -> T:
    """The first true thing that `look` sees; the test fails if it sees none for too long."""
    deadline = time.monotonic() + WAIT_S
    while not (seen := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {WAIT_S:g} s")
        time.sleep(0.01)  # the pace of looking, not the length of the wait
    return seen


@dataclass(frozen=True)
class PcscService:
    """A running pcscd with a virtual reader. `socket` is where its clients connect."""

    port: int
    socket: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a program that is to use this service."""
        return {**os.environ, "PCSCLITE_CSOCK_NAME": str(self.socket)}


@pytest.fixture(scope="session")
def pcsc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PcscService]:
    """A pcscd that shares nothing with any other: own run folder, own readers, own port.

    The run folder is a tmpfs in a mount namespace, so that two services don't meet in /run; clients
    find its socket through /proc. The service ends by the process id that started it.
    """
    for program, package in (("pcscd", "pcscd"), ("unshare", "util-linux")):
        require(program, package)
    require(DRIVER, "vsmartcard-vpcd")
    require("smartcard.scard", "pyscard (make pcsc)")
    folder = tmp_path_factory.mktemp("pcscd")
    port = _free_port()
    configuration = folder / "reader.conf"
    configuration.write_text(
        f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:{port:#x}\n'
        f"LIBPATH {DRIVER}\nCHANNELID {port:#x}\n"
    )
    script = 'mount -t tmpfs tmpfs /run && mkdir /run/pcscd && exec pcscd -f -c "$1"'
    # Without root, a user namespace gives the right to mount.
    space = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["unshare", *space, "sh", "-c", script, "sh", str(configuration)],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    service = PcscService(port, Path(f"/proc/{daemon.pid}/root/run/pcscd/pcscd.comm"))
    # libpcsclite reads this once in the life of a process: one service serves all tests.
    before = os.environ.get("PCSCLITE_CSOCK_NAME")
    os.environ["PCSCLITE_CSOCK_NAME"] = str(service.socket)
    try:
        eventually(lambda: daemon.poll() is not None or _listens(service), "pcscd's start")
        if daemon.poll() is not None:
            pytest.fail(f"pcscd ended: {(folder / 'log').read_text()}")
        yield service
    finally:
        daemon.terminate()
        daemon.wait(WAIT_S)
        if before is None:
            del os.environ["PCSCLITE_CSOCK_NAME"]
        else:
            os.environ["PCSCLITE_CSOCK_NAME"] = before


def _free_port() -> int:
    """A port that is free and has a free one after it: the driver's two slots listen on both."""
    for _ in range(100):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1]
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port + 1)):
                return port
    pytest.fail("no two neighbouring ports are free")


def _listens(service: PcscService) -> bool:
    try:
        return service.socket.exists() and any("Virtual PCD" in name for name in readers())
    except UnreachableError:
        return False
