"""`zheton serve ROLE` for tests of crashes: a network that dies where it is told to, a slow issuer.

It is the product's own command with other nodes in it, and exists in tests alone: the product has
no such point. Processes are forked from one that has imported all of it, so that starting one again
takes no time.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.role_processes import Street, forking, log_to
from zheton.adapters.tcp.server import Peer
from zheton.apps import parties
from zheton.apps.cli import serve as _loaded  # noqa: F401
from zheton.apps.cli.main import main
from zheton.apps.nodes.issuer import IssuerNode
from zheton.apps.nodes.network import ISSUER_TIMEOUT_S, NetworkNode
from zheton.apps.parties import HOST, Role
from zheton.core.iso8583.message import Message
from zheton.roles.network.complete import Answered
from zheton.roles.network.guard import Heard
from zheton.roles.network.state import Forward, Step

BEFORE_BURN = "before burn"
BURNT = "burnt, not forwarded"
FORWARDED = "forwarded, not journalled"
JOURNALLED = "journalled, not answered"
POINTS = (BEFORE_BURN, BURNT, FORWARDED, JOURNALLED)
IN_FLIGHT_MIN = 50
CROWD = 58  # looked for before a kill: some are answered between the look and the end
CROWD_AT_ISSUER = 2 * CROWD  # fewer than there are tills
ISSUER_KEEPS_S = 2.0  # at most, which is well within the network's patience
WAIT_S = 30.0
_armed: set[str] = set()


class KillableNetwork(NetworkNode):
    """Dies (SIGKILL) at a point that is armed, once it is passed with many debits in flight.

    It gives up what another process left as soon as no issuer may answer any more.
    """

    abandoned = timedelta(seconds=ISSUER_TIMEOUT_S + 1)

    def _authorise(self, group: Sequence[Heard]) -> list[Step]:
        self._pass(BEFORE_BURN)
        steps = super()._authorise(group)
        if any(isinstance(step, Forward) for step in steps):
            self._pass(BURNT)
        return steps

    def _complete(self, group: Sequence[Answered]) -> list[Message]:
        self._pass(FORWARDED)
        answers = super()._complete(group)
        self._pass(JOURNALLED)
        return answers

    def _pass(self, point: str) -> None:
        if point in _armed and self._requests >= CROWD:
            os.kill(os.getpid(), signal.SIGKILL)


class SlowIssuer(IssuerNode):
    """Decides at once and answers in crowds, so that debits are in flight at any speed.

    When no crowd comes together, because the tills have no more to sell, it answers after a while.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._kept, self._crowd = 0, asyncio.Event()

    async def _serve(self, message: Message, peer: Peer) -> Message | None:
        response = await super()._serve(message, peer)
        if message.mti == "0100":
            await self._together()
        return response

    async def _together(self) -> None:
        crowd, self._kept = self._crowd, self._kept + 1
        if self._kept >= CROWD_AT_ISSUER:
            crowd.set()
            self._kept, self._crowd = 0, asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(ISSUER_KEEPS_S):
                await crowd.wait()


@dataclass
class KillableRole:
    """One role that runs."""

    role: Role
    port: int
    process: ForkServerProcess
    orders: Connection

    def await_port(self) -> None:
        """Block until it listens."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline and self.process.exitcode is None:
            with suppress(OSError), socket.create_connection((HOST, self.port)):
                return
            time.sleep(0.02)  # the pace of looking, not the length of the wait
        raise AssertionError(f"{self.role} does not listen")

    def end(self) -> int | None:
        """Kill it, if it has not ended; its exit status."""
        self.process.kill()
        self.process.join(WAIT_S)
        self.orders.close()
        return self.process.exitcode


def begin(town: Street, role: Role, worker: int = 0, port: int = 0) -> KillableRole:
    """Start a role at its place in a street, or one more worker of it at a port of its own."""
    context = forking()
    orders, heard = context.Pipe()
    arguments = town.arguments(role)
    if worker:
        arguments += [f"--worker={worker}", f"--port={port}"]
    process = context.Process(target=_run, args=(arguments, town.data, role, heard))
    process.start()
    heard.close()
    return KillableRole(role, port or town.ports[role], process, orders)


def _run(arguments: list[str], data: Path, role: Role, orders: Connection) -> None:
    log_to(data / f"{role}.errors")
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    vars(parties).update(NetworkNode=KillableNetwork, IssuerNode=SlowIssuer)
    sys.exit(main(arguments))


def _listen(orders: Connection) -> None:
    with suppress(EOFError):
        while True:
            _armed.add(orders.recv())
