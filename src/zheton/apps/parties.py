"""Each party as it runs: its node and its doors over one installation, and where its peers are.

The lab starts all of them in one process, `zheton serve` one in each; both get them here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import httpx

from zheton.adapters.app_key import AppSeal
from zheton.adapters.http_tsp import HttpTokenService
from zheton.adapters.merchants_file import load_merchants
from zheton.adapters.storage.interrupted import repeated
from zheton.adapters.tcp.link import IsoLink
from zheton.apps.http.acquirer import acquirer_app
from zheton.apps.http.health import Peers, tell_health
from zheton.apps.http.serving import HttpServer
from zheton.apps.http.tsp import token_service_app
from zheton.apps.http.wallet import wallet_app
from zheton.apps.nodes.acquirer import AcquirerNode
from zheton.apps.nodes.audit import Checkpointer
from zheton.apps.nodes.issuer import IssuerNode
from zheton.apps.nodes.issuer_line import IssuerLine
from zheton.apps.nodes.network import NetworkNode
from zheton.apps.nodes.notify import Notifier
from zheton.apps.nodes.tending import Tender
from zheton.apps.nodes.watch import VaultWatch
from zheton.apps.started import Part
from zheton.apps.trace import Trace
from zheton.apps.wiring import Installation
from zheton.core.errors import ConfigurationError
from zheton.core.iso8583.dialect import DIALECT
from zheton.roles.issuer.ports import Messenger
from zheton.roles.tsp.desk import TokenDesk

HOST = "127.0.0.1"


class Role(StrEnum):
    """The parties that run as processes of their own."""

    WALLET = "wallet"
    TSP = "tsp"
    ACQUIRER = "acquirer"
    NETWORK = "network"
    ISSUER = "issuer"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a party listens."""

    port: int
    host: str = HOST

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """For those that listen to HTTP."""
        return f"http://{self}"

    @classmethod
    def parse(cls, text: str) -> "Address":
        """An address as people write it; ConfigurationError if it is none.

        >>> Address.parse("issuer.example:8485")
        Address(port=8485, host='issuer.example')
        """
        host, _, port = text.rpartition(":")
        if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65_536:
            raise ConfigurationError("An address is written host:port, such as 127.0.0.1:8484.")
        return cls(int(port), host)


# Where `zheton up` with its own ports has everybody.
ADDRESSES: Mapping[Role, Address] = {
    Role.WALLET: Address(8481),
    Role.TSP: Address(8482),
    Role.ACQUIRER: Address(8483),
    Role.NETWORK: Address(8484),
    Role.ISSUER: Address(8485),
}


@dataclass(frozen=True, slots=True)
class Parties:
    """Makes parties, none of them started; `trace` is the laboratory's and sees their wires."""

    on: Installation
    trace: Trace | None = None

    def issuer(self, port: int, messenger: Messenger) -> IssuerNode:
        """The bank's host; `messenger` takes its codes to cardholders."""
        on = self.on
        return IssuerNode(on.bank, on.issuer, messenger, on.clock, port=port)

    def checkpointer(self) -> Checkpointer:
        """Who signs the detokenisation log; goes with the network, and is to end after it."""
        return Checkpointer(self.on.auditor, self.on.clock)

    def watch(self) -> VaultWatch:
        """Who looks after the vault's database; goes with whatever works on it, and ends last."""
        return VaultWatch(self.on.life)

    def tender(self) -> Tender:
        """What the token service does on its own."""
        return Tender(self.on.vault, self.on.clock)

    def notifier(self) -> Notifier:
        """How the wallet hears of debits, once it is told where the wallet is."""
        return Notifier(self.on.keys, self.on.wallet_secret(), self.trace)

    def network(self, port: int, issuer: Address, tell: Notifier) -> NetworkNode:
        """The switch, with the token service's part in debits in its process."""
        link = self._link(issuer, "vault", "issuer")
        return NetworkNode(self.on.switch(), link, self.on.clock, port=port, tell=tell)

    def issuer_line(self, issuer: Address) -> IssuerLine:
        """A token service's own way to the issuer, where it shares no process with the network."""
        return IssuerLine(self._link(issuer, "vault", "issuer"))

    def token_service(self, port: int, line: IssuerLine) -> HttpServer:
        """The token service's door for wallets."""
        on, keys = self.on, self.on.keys
        desk = TokenDesk(
            keys,
            on.vault,
            line,
            on.rules,
            on.entropy,
            AppSeal(),
            on.who("tsp"),
            repeated,
            on.makers,
        )
        key, thumbprint = keys.envelope_key(), keys.envelope_thumbprint()
        on.admit_requestors()
        app = token_service_app(desk, key, thumbprint, on.clock)
        tell_health(app, {"issuer": lambda: line.link.is_up})
        return HttpServer(app, port=port)

    def wallet(self, port: int, tsp: Address, client: httpx.Client | None = None) -> HttpServer:
        """The wallet's server; `client` takes its requests to the token service."""
        secret = self.on.wallet_secret()
        tokens = HttpTokenService(tsp.url, secret, client)
        app = wallet_app(self.on.wallet_desk(tokens), self.on.clock, secret)
        tell_health(app, {})
        return HttpServer(app, port=port)

    def acquirer(self, network: Address) -> AcquirerNode:
        """The acquirer's side of the wire to the network."""
        link = self._link(network, "acquirer", "vault")
        return AcquirerNode(load_merchants().acquirer, self.on.acquirer, link, self.on.clock)

    def acquiring(self, port: int, node: AcquirerNode) -> HttpServer:
        """The acquirer's door for tills and web shops."""
        app = acquirer_app(node, load_merchants())
        peers: Peers = {"network": lambda: node.link.is_up}
        tell_health(app, peers)
        return HttpServer(app, port=port)

    def _link(self, far_end: Address, near: str, far: str) -> IsoLink:
        tap = self.trace.tap(near, far) if self.trace else None
        return IsoLink(far_end.host, far_end.port, DIALECT, self.on.clock.now, tap=tap)


Peered = Callable[[Role], Address]


def alone(role: Role, on: Installation, port: int, at: Peered) -> list[Part]:
    """The parts of one party as a process of its own, in the order in which they start.

    The last of them listens at `port`; `at` tells where the others are.
    """
    parties = Parties(on)
    match role:
        case Role.ISSUER:
            return [parties.issuer(port, on.letters)]
        case Role.NETWORK:
            notifier = parties.notifier()
            notifier.wallet_url = at(Role.WALLET).url
            network = parties.network(port, at(Role.ISSUER), notifier)
            # One process of a folder signs the log, for what it signs is one file.
            signing = [] if on.worker else [parties.checkpointer()]
            return [parties.watch(), *signing, network]
        case Role.TSP:
            line = parties.issuer_line(at(Role.ISSUER))
            return [parties.watch(), parties.tender(), line, parties.token_service(port, line)]
        case Role.ACQUIRER:
            node = parties.acquirer(at(Role.NETWORK))
            return [node, parties.acquiring(port, node)]
        case Role.WALLET:
            return [parties.wallet(port, at(Role.TSP))]
