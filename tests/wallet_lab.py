"""A bank, a token service and a wallet behind their real doors, for the tests of the wallet."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from zheton.adapters.app_key import AppSeal, fresh_app_key, open_for_app, public_part
from zheton.adapters.clock import ManualClock
from zheton.adapters.datafiles import load_policy, load_schemes
from zheton.adapters.device_files import device_named, load_devices
from zheton.adapters.element_memory import TransientMemory
from zheton.adapters.entropy import SeededEntropy, SystemEntropy
from zheton.adapters.http_tsp import HttpTokenService
from zheton.adapters.issuer_file import bundled
from zheton.adapters.keys.certification import with_certification
from zheton.adapters.keys.file import memory_keys, plain_ring
from zheton.adapters.keys.vault_keys import VaultKeys
from zheton.adapters.no_cvm_file import load_no_cvm
from zheton.adapters.outbox import Outbox
from zheton.adapters.storage.database import Database
from zheton.adapters.storage.issuer import IssuerDatabase
from zheton.adapters.storage.vault import SqlVault
from zheton.adapters.storage.wallet import WalletDatabase
from zheton.apps.companion import Companion, Owner, entry_form
from zheton.apps.http.tsp import token_service_app
from zheton.apps.http.wallet import wallet_app
from zheton.core.crypto import ed25519, rsa
from zheton.core.crypto.rsa import PrivateKey
from zheton.core.emv.device_certificate import CertifiedDevice, certify_device
from zheton.core.emv.device_proof import Evidence, prove
from zheton.core.errors import UnreachableError
from zheton.core.iso8583.message import Message
from zheton.core.token.domain import Device, Limits
from zheton.core.token.pan import Pan
from zheton.roles.element.element import Element, Interface
from zheton.roles.element.manufacture import OwnKey, manufacture
from zheton.roles.issuer.enrol import enrol
from zheton.roles.issuer.handle import handle
from zheton.roles.issuer.state import Bank
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.requestors import admit, key_hash
from zheton.roles.tsp.service import TokenService
from zheton.roles.tsp.state import Requestor, RequestorKind, Rules
from zheton.roles.wallet.desk import WalletDesk

PANS = {cardholder.id: cardholder.pan.reveal() for cardholder in bundled().cardholders}
ANNA, BORIS, VERA, LI = (PANS[name] for name in ("anna", "boris", "vera", "li"))
EXPIRY = "12/29"
SERIAL = bytes(range(10))
MAKER = b"the key of a maker of devices..."
NOW = datetime(2019, 9, 2, 9, 0, tzinfo=UTC)
TSP_SECRET, NOTIFIER_SECRET = "wallet-at-the-token-service" * 2, "token-service-at-the-wallet" * 2
LIMITS = {"": Limits("643", 5_000_000, 15_000_000, 50)}


class InProcess(httpx.BaseTransport):
    """Requests to an application in this process, as a server would hand them over."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The whole response."""
        return asyncio.run(self._exchange(request))

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        content = request.read()
        same = httpx.Request(request.method, request.url, headers=request.headers, content=content)
        answer = await self._transport.handle_async_request(same)
        body = await answer.aread()
        return httpx.Response(answer.status_code, headers=answer.headers, content=body)


def in_process(app: FastAPI) -> httpx.Client:
    """A client of an application in this process."""
    return httpx.Client(transport=InProcess(app), base_url="http://in-process")


@cache
def app_key() -> dict[str, Any]:
    """The key pair of the lab's one phone."""
    return fresh_app_key()


def opened(sealed: str) -> dict[str, str]:
    """An online number as that phone reads it."""
    return dict(json.loads(open_for_app(sealed, app_key())))


@cache
def chip_key() -> PrivateKey:
    """The key of every chip of the lab: making one takes its time."""
    return rsa.generate(1152)


def certificate(serial: bytes, profile: str = "mi-band-4-nfc") -> bytes:
    """The maker's certificate of a device."""
    kind = device_named(profile).device_class
    return certify_device(MAKER, CertifiedDevice(serial, chip_key().public, kind, profile))


@cache
def vault_keys() -> VaultKeys:
    """Keys that are made once: an RSA key takes its time."""
    bins = {each: s.cryptogram.cipher for s in load_schemes() for each in s.token_bins}
    keys = memory_keys(plain_ring(bins, "2019-08-01"))
    keys.change(lambda ring, custody: with_certification(ring, custody, "2019-08-01"))
    return keys


@cache
def rules() -> Rules:
    """The shipped networks and rollout, read once."""
    schemes = load_schemes()
    return Rules(schemes, load_policy(schemes=schemes), LIMITS, load_no_cvm())


@dataclass
class BankLink:
    """The network's way to the bank, without its wire: it adds what the network adds."""

    bank: Bank
    store: IssuerDatabase
    outbox: Outbox
    clock: ManualClock
    reachable: bool = True

    def exchange(self, pan: Pan, message: Message) -> Message:
        assert message.text(2) == pan.reveal()
        if not self.reachable:
            raise UnreachableError("The issuer does not answer.")
        added = {32: "220001", 33: "440001", 41: "ZHETON01", 49: "643"}
        whole = Message(message.mti, dict(message.fields) | added)
        return handle([whole], self.bank, self.store, self.outbox, self.clock.now())[0]


@dataclass
class Band:
    """An element on a wrist, and its serial number."""

    serial: bytes
    element: Element
    clock: ManualClock
    sent: list[bytes] = field(default_factory=list)

    def transmit(self, command: bytes) -> bytes:
        """The host interface."""
        self.sent.append(command)
        return self.element.transmit(Interface.HOST, command, self.clock.now())


@dataclass
class Lab:
    """Everything that stands behind a wallet, and the wallet."""

    clock: ManualClock
    keys: VaultKeys
    outbox: Outbox
    link: BankLink
    desk: TokenDesk
    network_side: TokenService
    tsp: FastAPI
    wallet_desk: WalletDesk
    databases: dict[str, Database]
    clients: list[httpx.Client] = field(default_factory=list)

    @cached_property
    def wallet(self) -> FastAPI:
        """The wallet's door; building it takes longer than most tests."""
        return wallet_app(self.wallet_desk, self.clock, NOTIFIER_SECRET)

    def client(self, app: FastAPI, token: str = "") -> httpx.Client:
        """An HTTP client of one of the apps, in this process."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = in_process(app)
        client.headers.update(headers)
        self.clients.append(client)
        return client

    def code(self) -> str:
        """The code in the last message that the bank sent."""
        found = re.search(r"code ([0-9]{6})", self.outbox.letters()[-1].text)
        assert found is not None
        return found[1]

    def envelope(self, pan: str, expiry: str = EXPIRY, serial: bytes = SERIAL) -> str:
        """What the entry form makes of a card, for a chip and for the one phone of the lab."""
        owner = Owner(serial.hex(), public_part(app_key()))
        return entry_form(
            pan, expiry, owner, self.keys.envelope_key(), self.keys.envelope_thumbprint()
        )

    def shown(self, serial: bytes = SERIAL, profile: str = "mi-band-4-nfc") -> Evidence:
        """What a band of the maker shows when it is registered."""
        challenge = self.wallet_desk.tokens.challenge_device(serial.hex())
        key = chip_key()
        proof = prove(key, serial, challenge, SystemEntropy().take(key.public.size))
        return Evidence(certificate(serial, profile), challenge, proof)

    def band(self, serial: bytes = SERIAL, profile: str = "mi-band-4-nfc") -> Band:
        """A band from the factory."""
        memory = TransientMemory()
        manufacture(
            memory,
            serial=serial,
            payment_keys=self.keys.device_keys(serial.hex()),
            own_key=OwnKey(chip_key(), certificate(serial, profile)),
        )
        return Band(serial, Element(memory, device_named(profile), SystemEntropy()), self.clock)

    def sign_up(self, name: str = "Anna") -> "App":
        """A new user's app."""
        made = self.client(self.wallet).post("/v1/users", json={"name": name}).json()
        return App(self, made["id"], self.client(self.wallet, made["token"]))


@dataclass
class App:
    """The app of one user."""

    lab: Lab
    user: str
    http: httpx.Client

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        """The JSON that answers, once its status is the expected one."""
        answer = self.http.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def get(self, path: str) -> Any:
        """The JSON that answers."""
        answer = self.http.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def enrol(self, pan: str = ANNA, region: str = "RU", serial: bytes = SERIAL) -> str:
        """The id of a card that is enrolled for a chip and waits for its code."""
        body = {"encryptedData": self.lab.envelope(pan, serial=serial), "region": region}
        card = self.post(f"/v1/users/{self.user}/creditCards", body, 201)
        return str(card["id"])

    def active_card(self, pan: str = ANNA, region: str = "RU", serial: bytes = SERIAL) -> str:
        """The id of a card whose code was typed."""
        card = self.enrol(pan, region, serial)
        self.post(f"/v1/creditCards/{card}/verify", {"code": self.lab.code()})
        return card

    def register(self, band: Band) -> str:
        """The id of a registered device."""
        kind = band.element.profile.name
        return self.companion(band).register(self.user, band.serial.hex(), kind)

    def companion(self, band: Band) -> Companion:
        """The part of the app that talks to the band."""
        return Companion(self.http, band.transmit)


@contextmanager
def lab(folder: Path | None = None, now: datetime = NOW) -> Iterator[Lab]:
    """A lab on databases in memory, or in the files of a folder."""
    names = ("issuer", "vault", "wallet")
    databases = {
        name: Database("sqlite://" if folder is None else f"sqlite:///{folder}/{name}.db")
        for name in names
    }
    built = _build(databases, ManualClock(now))
    yield built
    for client in built.clients:
        client.close()
    for database in databases.values():
        database.close()


def _build(databases: dict[str, Database], clock: ManualClock) -> Lab:
    file, outbox = bundled(), Outbox()
    bank = Bank(file.participant, file.name, file.rates, b"index key of the lab")
    accounts = IssuerDatabase(databases["issuer"])
    enrol(file.cardholders, bank, accounts, clock.now())
    keys, vault = vault_keys(), SqlVault(databases["vault"])
    link = BankLink(bank, accounts, outbox, clock)
    seeded, makers = SeededEntropy(1), [ed25519.public_key(MAKER)]
    desk = TokenDesk(keys, vault, link, rules(), seeded, AppSeal(), makers=lambda: makers)
    admit(vault, Requestor("wallet", RequestorKind.WALLET, "the wallet", key_hash(TSP_SECRET)))
    tsp = token_service_app(desk, keys.envelope_key(), keys.envelope_thumbprint(), clock)
    client = in_process(tsp)
    tokens = HttpTokenService("http://tsp", TSP_SECRET, client)
    profiles = {name: Device(p.device_class) for name, p in load_devices().items()}
    wallet_desk = WalletDesk(
        tokens, WalletDatabase(databases["wallet"]), SeededEntropy(2), profiles
    )
    return Lab(
        clock=clock,
        keys=keys,
        outbox=outbox,
        link=link,
        desk=desk,
        network_side=TokenService(keys, vault, rules()),
        tsp=tsp,
        wallet_desk=wallet_desk,
        databases=databases,
        clients=[client],
    )
