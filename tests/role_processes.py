"""Every role as a process of its own, for system tests: started, found, stopped and killed."""

import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path

import httpx
import pytest

from zheton.apps.parties import HOST, Role

# What forked processes are forked from: it has imported all of it, so that a start takes no time.
_IMPORTED_BEFORE = ["tests.killable_roles", "tests.hunt.actors"]
WAIT_S = 30.0  # far more than any step takes; reached only if something is broken


def forking() -> ForkServerContext:
    """What makes processes that begin in a function of a test module."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED_BEFORE)
    return context


def log_to(path: Path) -> None:
    """Let what this process says go to the end of a file."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, sys.stdout.fileno())
    os.dup2(log, sys.stderr.fileno())


def free_ports(count: int) -> list[int]:
    """Ports that nobody has just now."""
    probes = [socket.create_server((HOST, 0)) for _ in range(count)]
    try:
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


@dataclass
class RoleProcess:
    """One role that runs; what it complains of goes to a file."""

    role: Role
    process: subprocess.Popen[str]
    errors: Path

    def listens(self) -> str:
        """Block until it says where it listens; the line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            pytest.fail(f"{self.role} did not start: {self.errors.read_text()}")
        return line

    def stop(self) -> int:
        """End it as an operator does; its exit status."""
        self.process.terminate()
        return self.wait()

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        status = self.process.wait(WAIT_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status


@dataclass
class Street:
    """Roles on one data folder, each always at the same port."""

    data: Path
    ports: dict[Role, int] = field(
        default_factory=lambda: dict(zip(Role, free_ports(len(Role)), strict=True))
    )
    running: dict[Role, RoleProcess] = field(default_factory=dict)
    database: str = ""

    def url(self, role: Role) -> str:
        """Where a role answers HTTP."""
        return f"http://{HOST}:{self.ports[role]}"

    def arguments(self, role: Role) -> list[str]:
        """The command line of a role, without the program."""
        peers = [f"--peer={peer}={HOST}:{port}" for peer, port in self.ports.items()]
        database = [f"--database={self.database}"] if self.database else []
        port = f"--port={self.ports[role]}"
        return ["serve", role, f"--data={self.data}", port, *peers, *database]

    def log(self, role: Role) -> Path:
        """Where a role complains."""
        return self.data / f"{role}.errors"

    def start(self, role: Role) -> RoleProcess:
        """Start a role."""
        errors = self.log(role)
        errors.parent.mkdir(exist_ok=True)
        with errors.open("a") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "zheton.apps.cli.main", *self.arguments(role)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self.running[role] = RoleProcess(role, process, errors)
        return self.running[role]

    def await_links(self) -> None:
        """Block until those that keep a link have reached their peers."""
        for role, peer in ((Role.ACQUIRER, Role.NETWORK), (Role.TSP, Role.ISSUER)):
            for _ in patience():
                if httpx.get(f"{self.url(role)}/healthz").json()["peers"] == {peer: True}:
                    break
            else:
                pytest.fail(f"{role} never reached {peer}")

    def end(self) -> None:
        """Leave nothing behind."""
        for each in self.running.values():
            if each.process.poll() is None:
                each.kill()
            each.wait()


@contextmanager
def street(data: Path) -> Iterator[Street]:
    """A street without anybody yet."""
    made = Street(data)
    try:
        yield made
    finally:
        made.end()


def patience() -> Iterator[None]:
    """Look again and again, at a pace, until it has taken too long."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        yield
        time.sleep(0.02)  # the pace of looking, not the length of the wait
