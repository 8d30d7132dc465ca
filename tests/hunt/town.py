"""Every party as a process of its own, told what to do from here, and everything they leave behind.

Roles run by `zheton serve` at debug level; what it has no role for runs by `actors`. This process
is the factory, the bank's branch and the cardholder's finger: it knows all and is not searched.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.hunt.actors import act, operate
from tests.hunt.canaries import Canary
from tests.hunt.finder import Finder
from tests.hunt.memory import memory
from tests.hunt.verdict import Evidence
from tests.hunt.wire import Capture, capturing
from tests.role_processes import WAIT_S, Street, forking, free_ports
from zheton.adapters.device_files import device_named
from zheton.adapters.element_memory import FileMemory
from zheton.apps.bands import DEFAULT_BAND
from zheton.apps.parties import Role
from zheton.apps.passphrase import AskedPassphrase
from zheton.apps.wiring import Installation
from zheton.roles.issuer.enrol import enrol

PASSPHRASE = "quiet-harbour-ninety-lanterns"
BAND = "canary"
_START_ORDER = (Role.WALLET, Role.ACQUIRER, Role.TSP, Role.NETWORK, Role.ISSUER)


@dataclass
class LoudStreet(Street):
    """Roles that log all they can, on keys that are sealed."""

    passphrase: Path = Path()

    def arguments(self, role: Role) -> list[str]:
        """The command line of a role; those inside the vault boundary open its keys."""
        sealed = (
            [f"--passphrase-file={self.passphrase}"] if role in (Role.TSP, Role.NETWORK) else []
        )
        return ["--debug", *super().arguments(role), *sealed]


class Actor:
    """A process of `actors`, and the pipe to it."""

    def __init__(self, kind: str, log: Path, *arguments: str) -> None:
        context = forking()
        self.orders, theirs = context.Pipe()
        self.process = context.Process(target=act, args=(theirs, log, kind, *arguments))
        self.process.start()
        theirs.close()
        self.kind, self.log = kind, log

    def ask(self, verb: str, *arguments: object) -> dict[str, Any]:
        """What it says to a request."""
        self.orders.send((verb, arguments))
        assert self.orders.poll(WAIT_S), f"{self.kind} does not answer to {verb}"
        try:
            return dict(self.orders.recv())
        except EOFError:
            raise AssertionError(f"{self.kind} ended: {self.log.read_text()[-2000:]}") from None

    def do(self, verb: str, *arguments: object) -> Any:
        """What it did."""
        answer = self.ask(verb, *arguments)
        assert "done" in answer, f"{self.kind} {verb}: {answer}"
        return answer["done"]

    def refuses(self, verb: str, *arguments: object) -> str:
        """Why it did not."""
        answer = self.ask(verb, *arguments)
        assert "refused" in answer, f"{self.kind} {verb} was done"
        return str(answer["refused"])

    def end(self) -> None:
        """End it."""
        self.process.kill()
        self.process.join(WAIT_S)
        self.orders.close()


@dataclass
class Town:
    """The parties, the wire between them, and what was found so far."""

    folder: Path
    evidence: Evidence = field(default_factory=Evidence)
    actors: dict[str, Actor] = field(default_factory=dict)

    @cached_property
    def on(self) -> Installation:
        """The installation, as its operator opens it."""
        return Installation(self.data, passphrase=AskedPassphrase(self.passphrase))

    @property
    def data(self) -> Path:
        """The data folder of all roles."""
        return self.folder / "data"

    @property
    def passphrase(self) -> Path:
        """The file with the passphrase of the vault's keys; the operator's."""
        return self.folder / "passphrase"

    @cached_property
    def street(self) -> LoudStreet:
        """The roles that `zheton serve` runs."""
        return LoudStreet(self.data, passphrase=self.passphrase)

    @cached_property
    def element_ports(self) -> tuple[int, int]:
        """Where the chip is reached: by readers, and by its phone."""
        nfc, host = free_ports(2)
        return nfc, host

    def ports(self) -> dict[int, str]:
        """Who listens where."""
        nfc, host = self.element_ports
        named = {port: str(role) for role, port in self.street.ports.items()}
        return {**named, nfc: "element's NFC side", host: "element's host side"}

    def found(self, canaries: dict[Canary, int]) -> None:
        """Make keys, a band and the canaries' accounts, before anybody works."""
        self.data.mkdir()
        self.passphrase.touch(0o600)
        self.passphrase.write_text(PASSPHRASE)
        on, band = self.on, FileMemory(self.data / "bands" / f"{BAND}.se")
        (self.data / "bands").mkdir()
        on.factory.make(band, device_named(DEFAULT_BAND))
        holders = [canary.cardholder(opening) for canary, opening in canaries.items()]
        enrol(holders, on.bank, on.issuer, on.clock.now())

    def start(self) -> None:
        """Start everybody, and wait until all have found each other."""
        nfc, host = map(str, self.element_ports)
        band = str(self.data / "bands" / f"{BAND}.se")
        self.act("element", band, nfc, host)
        for role in _START_ORDER:
            self.street.start(role)
        self.act("form")
        self.act("companion", self.street.url(Role.WALLET), host)
        self.act("outsider")
        self.act("terminal", self.street.url(Role.ACQUIRER), nfc)
        for role in _START_ORDER:
            self.street.running[role].listens()
        self.street.await_links()

    def act(self, kind: str, *arguments: str) -> Actor:
        """Start one more process."""
        self.actors[kind] = Actor(kind, self.data / f"{kind}.errors", *arguments)
        return self.actors[kind]

    def operate(self, *arguments: str) -> int:
        """Run another command of the product on the data folder, as loud as all; its status."""
        sealed = [f"--passphrase-file={self.passphrase}"] if arguments[0] == "keys" else []
        line = ["--debug", *arguments, f"--data={self.data}", *sealed]
        process = forking().Process(target=operate, args=(self.data / "operator.errors", line))
        process.start()
        process.join(WAIT_S)
        assert process.exitcode is not None, f"{arguments} does not end"
        return process.exitcode

    def processes(self) -> dict[str, int]:
        """Everybody who runs, by process id."""
        return {
            **{str(role): each.process.pid for role, each in self.street.running.items()},
            **{kind: each.process.pid or 0 for kind, each in self.actors.items()},
        }

    def search_memory(self, finder: Finder) -> None:
        """The memory of everybody who runs, as it is now."""
        for name, pid in self.processes().items():
            for region in memory(pid):
                self.evidence.add(f"memory of {name}", len(region), finder.find(region))

    def search_files(self, finder: Finder) -> None:
        """Logs, databases and everything else that anybody wrote."""
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                content, name = path.read_bytes(), path.relative_to(self.folder)
                place = f"log of {path.stem}" if path.suffix == ".errors" else f"file {name}"
                self.evidence.add(place, len(content), finder.find_opened(content))

    def search_packets(self, finder: Finder, capture: Capture) -> None:
        """All that crossed the wire."""
        names = self.ports()
        for port, way, content in capture.streams():
            place = f"packets {way} {names[port]}"
            self.evidence.add(place, len(content), finder.find_opened(content))

    def end(self) -> None:
        """Leave nothing behind."""
        for each in self.actors.values():
            each.end()
        self.street.end()
        self.on.close()


@contextmanager
def town(folder: Path, canaries: dict[Canary, int]) -> Iterator[tuple[Town, Capture]]:
    """A town at work, its wire tapped from the first packet on."""
    with ExitStack() as stack:
        made = Town(folder)
        made.found(canaries)
        capture = stack.enter_context(capturing(set(made.ports())))
        stack.callback(made.end)
        made.start()
        yield made, capture
