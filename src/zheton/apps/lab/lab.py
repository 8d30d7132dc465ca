"""The lab: every role started, each behind its own wire, over one installation."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx

from zheton.adapters.http_tsp import TIMEOUT
from zheton.adapters.merchants_file import Merchants, load_merchants
from zheton.apps.http.serving import HttpServer
from zheton.apps.lab.day import BackOffice, ClearedFile
from zheton.apps.lab.till import Counter
from zheton.apps.nodes.acquirer import AcquirerNode
from zheton.apps.nodes.issuer import IssuerNode
from zheton.apps.nodes.network import NetworkNode
from zheton.apps.nodes.notify import Notifier
from zheton.apps.parties import Address, Parties
from zheton.apps.started import Some, Started
from zheton.apps.trace import Trace
from zheton.apps.wiring import Installation
from zheton.core.token.audit.entry import Purpose, Resolution, unix_ms
from zheton.core.token.pan import Pan


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the parts listen; 0 lets the system choose."""

    wallet: int = 0
    tsp: int = 0
    acquirer: int = 0
    network: int = 0
    issuer: int = 0

    @classmethod
    def after(cls, first: int) -> "Ports":
        """Consecutive ports."""
        return cls(*range(first, first + 5))


class Lab:
    """Starts and stops all roles; `trace` sees what crosses between them."""

    def __init__(self, installation: Installation, ports: Ports | None = None) -> None:
        self.installation = installation
        self._rules = installation.rules  # a mistake in a file is told before anything is made
        self.clock = installation.clock
        self.trace = Trace(self.clock.elapsed_ms)
        self.merchants: Merchants = load_merchants()
        self.ports = ports or Ports()
        self._started, self._clients = Started(), ExitStack()

    @property
    def envelope_key(self) -> dict[str, Any]:
        """The vault's public key for card envelopes (JWK)."""
        return self.installation.keys.envelope_key()

    @property
    def thumbprint(self) -> str:
        """The thumbprint of that key, which entry forms pin."""
        return self.installation.keys.envelope_thumbprint()

    async def start(self) -> None:
        """Start every part; where one can't, those before it are stopped again."""
        try:
            await self._start_hosts()
            await self._start_services()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop every part, the last one first."""
        await self._started.close()
        self._clients.close()

    async def add(self, part: Some) -> Some:
        """Start one more part, which is stopped with the others."""
        return await self._started.add(part)

    async def close_day(self, day: date) -> list[ClearedFile]:
        """The evening's clearing and settlement."""
        return await self.office.close_day(day)

    def pan_behind(self, token: str) -> Pan | None:
        """The card number that an X-ray has to hunt for and mask; only a lab can ask this."""
        with self.installation.vault.transaction() as tx:
            found = tx.enrolment(token)
        if found is None:
            return None
        why = Resolution(unix_ms(self.clock.now()), "lab", Purpose.XRAY, token, found[1].id)
        return self.network.switch.tokens.reveal_card(why).pan

    def client(self, near: str, far: str, url: str = "") -> httpx.Client:
        """An HTTP client of one party to another, whose requests and answers the trace sees."""

        def sent(request: httpx.Request) -> None:
            note = f"{request.method} {request.url.path}"
            self.trace.record(near, far, "http", request.read(), note)

        def answered(response: httpx.Response) -> None:
            content = response.read()
            note = f"{response.status_code} {response.request.url.path}"
            took_ms = response.elapsed.total_seconds() * 1000
            self.trace.record(far, near, "http", content, note, took_ms)

        hooks: dict[str, list[Callable[..., None]]] = {"request": [sent], "response": [answered]}
        client = httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False, event_hooks=hooks)
        return self._clients.enter_context(client)

    async def _start_hosts(self) -> None:
        """Issuer, network and acquirer: ISO 8583 between them."""
        parties, ports = Parties(self.installation, self.trace), self.ports
        outbox = self.installation.outbox
        self.issuer: IssuerNode = await self.add(parties.issuer(ports.issuer, outbox))
        # This opens the keys, and they come first: a vault without its keys is worth nothing.
        self.notifier: Notifier = parties.notifier()
        self._clients.callback(self.notifier.close)
        # Before the network, so that they end after it and sign the last debits as well.
        await self.add(parties.watch())
        await self.add(parties.checkpointer())
        issuer_at = Address(self.issuer.server.port)
        self.network: NetworkNode = await self.add(
            parties.network(ports.network, issuer_at, self.notifier)
        )
        network_at = Address(self.network.server.port)
        self.acquirer: AcquirerNode = await self.add(parties.acquirer(network_at))

    async def _start_services(self) -> None:
        """Token service, wallet and the acquirer's door for tills: HTTP."""
        parties, ports, on = Parties(self.installation, self.trace), self.ports, self.installation
        await self.add(parties.tender())
        door = parties.token_service(ports.tsp, self.network.issuer_line)
        self.tsp: HttpServer = await self.add(door)
        to_vault = self.client("wallet", "vault")
        self.wallet: HttpServer = await self.add(
            parties.wallet(ports.wallet, Address(self.tsp.port), to_vault)
        )
        self.notifier.wallet_url = self.wallet.url
        self.acquiring: HttpServer = await self.add(
            parties.acquiring(ports.acquirer, self.acquirer)
        )
        self.counter = Counter(self.acquirer, self.trace, self.clock, on.entropy, on.authorities)
        self.office = BackOffice(
            self.acquirer, self.network.switch, on.clearing, self.issuer, self.trace, self.clock
        )
