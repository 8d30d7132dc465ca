"""Processes at one vault that do what they are told, all at once: network and token service."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from tests.role_processes import forking
from tests.unit.roles.tsp import debits
from tests.unit.roles.tsp.debits import NOW, VaultBench, approval
from zheton.adapters.keys.ring import Ring
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.interrupted import repeated
from zheton.core.iso8583.dialect import DIALECT
from zheton.core.iso8583.message import decode, encode
from zheton.core.money import money
from zheton.roles.network.authorise import authorise
from zheton.roles.network.complete import Answered, complete
from zheton.roles.network.state import Answer, Forward, Wait
from zheton.roles.tsp.tokenise import Tokenised, tokenise
from zheton.roles.tsp.transact import SealedCredential, transact

WAIT_S = 60.0


class Racers:
    """Some processes with the same keys; `together` has each of them do something at once."""

    def __init__(self, count: int) -> None:
        self._ends: list[Connection] = []
        self._processes = []
        context = forking()
        for number in range(count):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, debits._ring(), number))
            process.start()
            there.close()
            self._ends.append(here)
            self._processes.append(process)

    def open(self, url: str) -> None:
        """Have all of them work on a vault."""
        self.together([("open", (url,))] * len(self._ends))

    def together(self, orders: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Any]:
        """What each says to its order; the first one is not always the first to hear of it."""
        pairs = list(zip(self._ends, orders, strict=True))
        for end, order in pairs:
            end.send(order)
        said = []
        for end, _ in pairs:
            assert end.poll(WAIT_S), "a racer says nothing"
            said.append(end.recv())
        self._ends.append(self._ends.pop(0))
        return said

    def end(self) -> None:
        """End all of them."""
        for end, process in zip(self._ends, self._processes, strict=True):
            end.close()
            process.kill()
            process.join(WAIT_S)


def _serve(orders: Connection, ring: Ring, number: int) -> None:
    setattr(debits, "_ring", lambda: ring)  # noqa: B010 the keys of the test that started it
    racer: _Racer | None = None
    while True:
        try:
            verb, arguments = orders.recv()
        except EOFError:
            return
        if verb == "open":
            if racer is not None:
                racer.bench.database.close()
            racer = _Racer(number, *arguments)
            orders.send("ready")
        else:
            try:
                orders.send(getattr(racer, verb)(*arguments))
            except Exception as error:
                orders.send(f"{type(error).__name__}: {error}")


class _Racer:
    """One process: a switch with its token service, and the debits that it has forwarded."""

    def __init__(self, number: int, url: str) -> None:
        mark = bytes((number,)) * 4
        seed = int.from_bytes(os.urandom(8), "big")  # ids of two processes must differ
        self.bench = VaultBench(Database(url), seed=seed, mark=mark)
        self.on = replace(self.bench.switch, again=repeated)
        self._forwarded: list[Forward] = []

    def authorise(self, *raw: bytes) -> list[tuple[str, str | bytes]]:
        """What became of messages: its name, and why or with which answer."""
        steps = authorise(self.on, [decode(DIALECT, each) for each in raw], NOW)
        told: list[tuple[str, str | bytes]] = []
        for step in steps:
            if isinstance(step, Forward):
                self._forwarded.append(step)
                told.append(("forward", ""))
            elif isinstance(step, Wait):
                told.append(("wait", ""))
            else:
                told.append(_told(step))
        return told

    def complete(self) -> int:
        """The issuer approves what this one has forwarded; how many that were."""
        group = [Answered(step, approval(step.message)) for step in self._forwarded]
        self._forwarded.clear()
        complete(self.on, group, NOW)
        return len(group)

    def tokenise(self, envelope: str) -> str:
        """The card of a claim to it, which its issuer lets in at once."""
        self.bench.bank.tar = "00"
        desk = replace(self.bench.desk, again=repeated)
        made = tokenise(desk, envelope, "RU", NOW)
        assert isinstance(made, Tokenised), made
        return made.card.id

    def transact(self, enrolment: str) -> SealedCredential:
        """An online number."""
        made = repeated(
            partial(
                transact,
                self.bench.desk,
                enrolment,
                debits.BAND.id,
                money("100", "RUB"),
                merchant="",
                minutes=5,
                now=NOW,
            )
        )
        assert isinstance(made, SealedCredential), made
        return made


def _told(step: Answer) -> tuple[str, str | bytes]:
    if step.decline is None:
        return "answer", encode(DIALECT, step.message)
    return "decline", str(step.decline.reason)
