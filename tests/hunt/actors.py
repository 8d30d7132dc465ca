"""The parties that `zheton serve` has not: processes made of the product's parts.

Each is told what to do through a pipe: a verb and its arguments come in, what it did or why it
refused goes out. Whatever anybody logs in it goes to its log.
"""

import json
import logging
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx

from tests.role_processes import log_to
from zheton.adapters import ipm
from zheton.adapters.app_key import fresh_app_key, open_for_app, public_part
from zheton.adapters.clock import SystemClock
from zheton.adapters.device_files import device_named
from zheton.adapters.element_memory import FileMemory
from zheton.adapters.entropy import SystemEntropy
from zheton.adapters.http_tsp import ask
from zheton.adapters.keys.envelope import seal_envelope
from zheton.adapters.merchants_file import load_merchants
from zheton.adapters.terminal_file import load_terminal
from zheton.apps.bands import DEFAULT_BAND
from zheton.apps.cli import audit as _audit  # noqa: F401
from zheton.apps.cli import keys as _keys  # noqa: F401
from zheton.apps.cli.main import main
from zheton.apps.cli.pos import settle, transaction_of
from zheton.apps.companion import Companion, Owner, entry_form
from zheton.apps.lab.wearing import wear
from zheton.apps.passphrase import AskedPassphrase
from zheton.apps.wiring import Installation
from zheton.core.decline import Decline
from zheton.core.emv import tags, tlv
from zheton.core.errors import ZhetonError
from zheton.core.money import money
from zheton.roles.acquirer.clear import clear as present
from zheton.roles.element.arming import Armed
from zheton.roles.element.element import Element, Interface
from zheton.roles.issuer.post import post
from zheton.roles.network.clear import ResolvedCard, clear
from zheton.roles.network.resolve import resolve
from zheton.roles.terminal.entry_point import tap
from zheton.roles.terminal.outcome import OnlineRequest

HOST = "127.0.0.1"
CURRENCY = "RUB"
Verbs = Mapping[str, Callable[..., Any]]


def send(connection: socket.socket, content: bytes) -> None:
    """One APDU on a socket, behind its length."""
    connection.sendall(len(content).to_bytes(2, "big") + content)


def receive(connection: socket.socket) -> bytes:
    """One APDU from a socket; empty once the other end has gone."""
    stream = connection.makefile("rb")
    return stream.read(int.from_bytes(stream.read(2), "big"))


class Air:
    """The field of a reader, or a Bluetooth link: APDUs over one connection."""

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection((HOST, port))

    def transceive(self, command: bytes) -> bytes:
        """One command and its answer."""
        send(self._connection, command)
        return receive(self._connection)

    def close(self) -> None:
        """Leave the field."""
        self._connection.close()


def form() -> Verbs:
    """The entry form: it alone is told a card number."""

    def fill(pan: str, expiry: str, owner: list[Any], key: dict[str, Any]) -> str:
        return entry_form(pan, expiry, Owner(*owner), key["jwk"], key["thumbprint"])

    def seal(content: str, key: dict[str, Any]) -> str:
        """What a form of somebody else's making may send."""
        return seal_envelope(content.encode(), key["jwk"], key["thumbprint"])

    return {"fill": fill, "seal": seal}


def element(memory: str, nfc: str, host: str) -> Verbs:
    """The chip, with a socket for each of its interfaces."""
    clock = SystemClock()
    chip = Element(FileMemory(Path(memory)), device_named(DEFAULT_BAND), SystemEntropy())
    turn = threading.Lock()

    def serve(listener: socket.socket, interface: Interface) -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                while command := receive(connection):
                    with turn:
                        send(connection, chip.transmit(interface, command, clock.now()))
            with turn:
                chip.reset(interface)

    for port, interface in ((nfc, Interface.NFC), (host, Interface.HOST)):
        listener = socket.create_server((HOST, int(port)))
        threading.Thread(target=serve, args=(listener, interface), daemon=True).start()

    def arm(card: str) -> bool:
        with turn:
            wear(chip, clock.now())
            armed = chip.arm(clock.now(), bytes.fromhex(card))
        return isinstance(armed, Armed)

    def serial() -> str:
        return chip.status(clock.now()).serial.hex()

    return {"arm": arm, "serial": serial}


def companion(wallet_url: str, host: str) -> Verbs:
    """The app on the phone: it asks the wallet, and carries packages to the chip."""
    wallet, app_key = (
        httpx.Client(base_url=wallet_url, trust_env=False, timeout=20),
        fresh_app_key(),
    )

    def sign_up(name: str, serial: str) -> dict[str, Any]:
        user = ask(wallet, "POST", "/v1/users", {"name": name})
        wallet.headers["authorization"] = f"Bearer {user['token']}"
        air = Air(int(host))
        try:
            device = Companion(wallet, air.transceive).register(user["id"], serial, DEFAULT_BAND)
        finally:
            air.close()
        return {"user": user["id"], "device": device, "owner": [serial, public_part(app_key)]}

    def sync(device: str, unspent: int, card: str) -> int:
        air = Air(int(host))
        try:
            synced = Companion(wallet, air.transceive).sync(device, unspent, card)
        finally:
            air.close()
        return synced.numbers if synced else 0

    def transact(card: str, wish: dict[str, Any]) -> dict[str, Any]:
        answer = ask(wallet, "POST", f"/v1/creditCards/{card}/transact", wish)
        return dict(json.loads(open_for_app(str(answer["encryptedPayload"]), app_key)))

    return {
        "sign_up": sign_up,
        "sync": sync,
        "transact": transact,
        "key": lambda: ask(wallet, "GET", "/v1/encryption-key"),
        "get": lambda path: wallet.get(path).json(),
        "post": lambda path, body: ask(wallet, "POST", path, body),
    }


def terminal(acquirer: str, nfc: str) -> Verbs:
    """A till and a web shop of one merchant each."""
    merchants = load_merchants()
    place = merchants.till("moscow").merchant
    till = load_terminal(place.country, place.currency)

    def pay(amount: str, forged: bool = False) -> str:
        """DE39 of a tap, or how the tap ended; `forged` changes the cryptogram on its way."""
        air = Air(int(nfc))
        try:
            outcome = tap(air, till, transaction_of(money(amount, CURRENCY)))
        finally:
            air.close()
        if not isinstance(outcome, OnlineRequest):
            return str(outcome.reason)
        if forged:
            chip = tlv.flat(outcome.sale.chip)
            proof = chip[tags.APPLICATION_CRYPTOGRAM]
            wrong = outcome.sale.chip.replace(proof, bytes(len(proof)))
            outcome = replace(outcome, sale=replace(outcome.sale, chip=wrong))
        _, answer = settle(outcome, till, acquirer)
        return f"{answer.response_code} {answer.rrn}" if answer else "nobody answered"

    def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.post(acquirer + path, json=body, timeout=20, trust_env=False)
        return dict(answer.json())

    return {"pay": pay, "post": post}


def outsider() -> Verbs:
    """Somebody who sends anything to anybody, and logs what he sends."""
    client = httpx.Client(trust_env=False, timeout=20)

    def sign_up(url: str) -> str:
        user = client.post(f"{url}/v1/users", json={"name": "Outsider"}).json()
        client.headers["authorization"] = f"Bearer {user['token']}"
        return str(user["id"])

    def request(method: str, url: str, body: Any, headers: dict[str, str]) -> int:
        return client.request(method, url, json=body, headers=headers).status_code

    return {"sign_up": sign_up, "request": request}


def office(data: str, passphrase: str) -> Verbs:
    """What banks do at the end of a day; each of three parties is told its own part."""
    on = Installation(Path(data), passphrase=AskedPassphrase(Path(passphrase)))
    folder = Path(data) / "clearing"
    folder.mkdir(exist_ok=True)

    def present_all() -> int:
        day = on.clock.now().date() + timedelta(days=1)
        file = present(day, load_merchants().acquirer, on.acquirer)
        assert file is not None, "nothing was approved"
        (folder / "to-network.ipm").write_bytes(ipm.write(file))
        return len(file.presentments)

    def clear_all(bank: str) -> int:
        switch = on.switch()

        def card_of(presentment: Any) -> ResolvedCard | Decline:
            return resolve(switch, presentment, bank, on.clock.now())

        cleared = clear(ipm.read((folder / "to-network.ipm").read_bytes()), card_of, on.clearing)
        (folder / "to-issuer.ipm").write_bytes(ipm.write(cleared.outgoing[bank]))
        return len(cleared.outgoing[bank].presentments)

    def post_all() -> int:
        file = ipm.read((folder / "to-issuer.ipm").read_bytes())
        return post(file, on.bank, on.issuer, on.clock.now()).posted

    return {"present": present_all, "clear": clear_all, "post": post_all}


ACTORS: Mapping[str, Callable[..., Verbs]] = {
    "form": form,
    "element": element,
    "companion": companion,
    "terminal": terminal,
    "outsider": outsider,
    "acquirer-office": office,
    "network-office": office,
    "issuer-office": office,
}


def act(orders: Connection, log: Path, kind: str, *arguments: str) -> None:
    """Be one of them until nobody orders any more."""
    log_to(log)
    logging.basicConfig(level=logging.DEBUG)
    verbs = ACTORS[kind](*arguments)
    with suppress(EOFError):
        while True:
            verb, given = orders.recv()
            try:
                orders.send({"done": verbs[verb](*given)})
            except ZhetonError as error:
                logging.exception("refused")  # the whole of it, with all its causes
                orders.send({"refused": str(error)})


def operate(log: Path, arguments: list[str]) -> None:
    """Run a command of the product."""
    log_to(log)
    sys.exit(main(arguments))
