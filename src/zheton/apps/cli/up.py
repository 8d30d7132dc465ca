"""`zheton up`: all roles in one process on embedded storage, with the console."""

import asyncio
import signal
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from zheton.apps.cli.options import Data, DatabaseUrl, PassphraseFile
from zheton.apps.http.serving import HttpServer
from zheton.apps.lab.console import console_app
from zheton.apps.lab.front import Front
from zheton.apps.lab.lab import Lab, Ports
from zheton.apps.lab.people import People
from zheton.apps.logs import quiet
from zheton.apps.passphrase import AskedPassphrase
from zheton.apps.wiring import DEFAULT_DATA, Installation
from zheton.core.errors import ConfigurationError

PORT = 8480
PORT_MAX = 65_535 - 5
FIRST_CARD, FIRST_TILL, FIRST_AMOUNT = "anna", "moscow", "350"


def up(
    data: Data = DEFAULT_DATA,
    port: Annotated[
        int,
        typer.Option(min=0, max=PORT_MAX, help="Console's port; the parts take the next 5."),
    ] = PORT,
    policy: Annotated[
        Path | None, typer.Option(help="A rollout file instead of mi-pay-2019.")
    ] = None,
    database: DatabaseUrl = "",
    passphrase_file: PassphraseFile = None,
) -> None:
    """Run everything: issuer, token service, network, acquirer, wallet, bands, tills, console."""
    quiet()
    installation = Installation(
        data, policy, passphrase=AskedPassphrase(passphrase_file), database=database
    )
    with closing(installation):
        asyncio.run(_run(installation, port))


async def _run(installation: Installation, port: int) -> None:
    console = Console()
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    with installation.held():
        lab = Lab(installation, Ports.after(port + 1) if port else Ports())
        await lab.start()
        try:
            people = await lab.add(People(lab))
            front = Front(lab, people)
            server = await lab.add(HttpServer(console_app(front), port=port))
            await asyncio.to_thread(people.settle_in)
            await asyncio.to_thread(people.fill_reader_band)
            await _first_debit(front, console)
            _tell_addresses(lab, server, console)
            await stop.wait()
            console.print("Stopping.")
        finally:
            await lab.close()


async def _first_debit(front: Front, console: Console) -> None:
    """The demo cardholder pays once, so that the first page has something to show."""
    holdings = await front.people.holdings()
    first = next(h for h in holdings if h.phone.name == FIRST_CARD)
    if await front.history(first.card["id"]):
        return
    merchant = front.lab.merchants.till(FIRST_TILL).merchant
    wish = await front.wish(first.card["id"], merchant.id, FIRST_AMOUNT)
    told = await front.debit(wish, lambda _event: None)
    console.print(
        f"First debit: {wish.amount} at {merchant.name}, {merchant.city}: {told.text.lower()}, "
        f"number •••• {told.number[-4:]}, {told.elapsed_ms:.0f} ms from tap to receipt.",
        soft_wrap=True,
    )
    if not told.approved:
        raise ConfigurationError("The first debit was not approved; zheton demo shows each step.")


def _tell_addresses(lab: Lab, server: HttpServer, console: Console) -> None:
    console.print(f"Console    {server.url}", style="bold")
    console.print(f"Wallet     {lab.wallet.url}/v1 (for phones)")
    console.print(f"Tokens     {lab.tsp.url}/v1 (for wallets)")
    console.print(f"Acquirer   {lab.acquiring.url}/v1 (for tills and shops)")
    console.print(f"Network    127.0.0.1:{lab.network.server.port} (ISO 8583, for acquirers)")
    console.print(f"Issuer     127.0.0.1:{lab.issuer.server.port} (ISO 8583, for the network)")
    console.print(f"Data       {lab.installation.data}", soft_wrap=True)
    console.print("Ctrl-C stops it.")
