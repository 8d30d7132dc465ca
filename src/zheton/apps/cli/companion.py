"""`zheton companion`: the app on the phone, beside a band on the air.

It keeps what the app of the lab keeps: the account in `phones/NAME.json`, and beside it the bonds.
A person whom `zheton up` knows is the same person here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import httpx
import typer

from zheton.adapters.ble.extra import require_bluetooth
from zheton.adapters.http_tsp import TIMEOUT
from zheton.apps.account import Account, keep_account, read_account, sign_up
from zheton.apps.cli.options import Data
from zheton.apps.companion import Companion, Synced
from zheton.apps.lab.people import READER_BAND
from zheton.apps.parties import ADDRESSES, Role
from zheton.apps.wiring import DEFAULT_DATA
from zheton.core.errors import NotFoundError, UnreachableError

if TYPE_CHECKING:
    from zheton.apps.on_air import Linked, PhoneOnAir  # bumble may not be installed

app = typer.Typer(no_args_is_help=True, help="Be the phone beside a band.")

_T = TypeVar("_T")
COMMITS_MAX = 64  # that one sync carries
LINKS_MAX = 5  # that a sync may lose before it gives up
Ble = Annotated[
    str, typer.Option(help="A Bluetooth controller, as usb:0 or tcp-client:127.0.0.1:7300.")
]
Name = Annotated[str, typer.Option(help="Whose phone: a name of the lab, or a new one.")]
Wallet = Annotated[str, typer.Option(help="The wallet's address.")]
NoScreen = Annotated[
    bool, typer.Option("--no-screen", help="The device has no screen: nobody compares numbers.")
]
DEFAULT_BLE = "usb:0"
DEFAULT_WALLET = f"http://{ADDRESSES[Role.WALLET].host}:{ADDRESSES[Role.WALLET].port}"


@app.command()
def scan(
    ble: Ble = DEFAULT_BLE,
    data: Data = DEFAULT_DATA,
    name: Name = READER_BAND,
    seconds: Annotated[float, typer.Option(min=0.1, max=60, help="How long to listen.")] = 3,
) -> None:
    """List the bands that are heard; which is one's own shows after pairing."""
    with _phone(ble, data, name) as phone:
        heard = phone.scan(seconds)
    for each in heard:
        whose = "yours" if each.bond else "not paired"
        typer.echo(f"{each.address.to_string(False)}  {each.rssi} dBm  {whose}")
    if not heard:
        typer.echo("No band is heard.")


@app.command()
def pair(
    ble: Ble = DEFAULT_BLE,
    data: Data = DEFAULT_DATA,
    name: Name = READER_BAND,
    wallet: Wallet = DEFAULT_WALLET,
    no_screen: NoScreen = False,
    account: Annotated[
        bool, typer.Option(help="Sign up at the wallet and register the band.")
    ] = True,
) -> None:
    """Pair with a band in pairing mode; a new person signs up and registers it."""
    with _phone(ble, data, name, screen=not no_screen) as phone, phone.pairing() as link:
        serial, model = link.report().serial.hex(), link.model()
        typer.echo(f"Paired with {model} {serial}.")
        path = _account_file(data, name)
        if not account or path.exists():
            return
        with _client(wallet) as http:
            keep_account(path, sign_up(name, http, link.transmit, serial, model))
        typer.echo(f"Signed up {name}; the band is registered.")


@app.command()
def sync(
    ble: Ble = DEFAULT_BLE,
    data: Data = DEFAULT_DATA,
    name: Name = READER_BAND,
    wallet: Wallet = DEFAULT_WALLET,
    no_screen: NoScreen = False,
) -> None:
    """Carry what the wallet has for the band to it; begin anew where the link is cut."""
    account = _account(data, name)
    with _phone(ble, data, name, screen=not no_screen) as phone, _client(wallet) as http:
        http.headers["authorization"] = f"Bearer {account.token}"

        def once(link: "Linked") -> Synced | None:
            companion = Companion(http, link.transmit)
            return companion.sync(account.device, link.report().left)

        for _ in range(COMMITS_MAX):
            synced = _in_reach(phone, once)
            if synced is None:
                break
            typer.echo(f"Commit {synced.commit}: {synced.numbers} numbers for card {synced.card}.")
        left = _in_reach(phone, lambda link: link.report().left)
    typer.echo(f"The band has {left} payments left.")


@app.command()
def status(
    ble: Ble = DEFAULT_BLE,
    data: Data = DEFAULT_DATA,
    name: Name = READER_BAND,
    no_screen: NoScreen = False,
) -> None:
    """Tell what one's own band tells of itself."""
    with _phone(ble, data, name, screen=not no_screen) as phone, phone.linked() as link:
        report, battery, model = link.report(), link.battery(), link.model()
    flags = ("armed", "worn", "locked", "pairing")
    state = ", ".join(each for each in flags if getattr(report, each)) or "at rest"
    typer.echo(f"{model} {report.serial.hex()}: {state}, battery {battery} %")
    for card in report.cards:
        lost = f", {card.abandoned} lost in torn taps" if card.abandoned else ""
        typer.echo(f"card {card.card_ref.hex()}: {card.left} payments left{lost}")


class _Owner:
    """The phone's owner, asked on the terminal."""

    async def willing(self) -> bool:
        """They called the command."""
        return True

    async def same(self, number: int) -> bool:
        """Asked in the radio's thread: nothing else happens there until it is answered."""
        return typer.confirm(f"Does the band show {number:06d}?")

    async def shown(self, number: int) -> None:
        """Never asked for: no band has keys for digits."""

    async def typed(self) -> int | None:
        """The number that a band without a button shows."""
        return int(typer.prompt("The number that the band shows", type=int))


@contextmanager
def _phone(ble: str, data: Path, name: str, *, screen: bool = True) -> Iterator["PhoneOnAir"]:
    require_bluetooth()
    from zheton.apps.on_air import PhoneOnAir

    bonds = data / "phones" / f"{name}.bonds"
    with PhoneOnAir(ble, bonds, _Owner(), screen=screen) as phone:
        yield phone


def _in_reach(phone: "PhoneOnAir", act: "Callable[[Linked], _T]") -> _T:
    """The result of something done over a link, over another one where one is cut."""
    for _ in range(LINKS_MAX - 1):
        try:
            with phone.linked() as link:
                return act(link)
        except UnreachableError:
            typer.echo("The link was cut; connecting anew.", err=True)
    with phone.linked() as link:
        return act(link)


def _client(wallet: str) -> httpx.Client:
    return httpx.Client(base_url=wallet, timeout=TIMEOUT, trust_env=False)


def _account_file(data: Path, name: str) -> Path:
    return data / "phones" / f"{name}.json"


def _account(data: Path, name: str) -> Account:
    path = _account_file(data, name)
    if not path.exists():
        raise NotFoundError(f"{name!r} has no account here; run zheton companion pair first.")
    return read_account(path)
