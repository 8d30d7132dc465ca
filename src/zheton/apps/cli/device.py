"""`zheton device`: what the factory does with a chip before anybody wears it."""

from typing import Annotated

import typer

from zheton.adapters.device_files import device_named
from zheton.adapters.element_memory import FileMemory
from zheton.adapters.held_file import HeldFile
from zheton.apps.bands import DEFAULT_BAND
from zheton.apps.cli.options import Data, DatabaseUrl
from zheton.apps.wiring import DEFAULT_DATA, Installation
from zheton.core.crypto.kcv import kcv_aes
from zheton.roles.element.registry import WELL_KNOWN_KEYS

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def device() -> None:
    """Manufacture chips and hand their keys to their holders."""


@app.command("manufacture")
def make(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What `zheton band --name` will call it.")],
    data: Data = DEFAULT_DATA,
    database: DatabaseUrl = "",
    profile: Annotated[str, typer.Option(help="Which kind of device it is in.")] = DEFAULT_BAND,
    lab: Annotated[
        bool,
        typer.Option(
            "--lab",
            help="Take GlobalPlatform's test keys (40..4F) and be managed through any reader.",
        ),
    ] = False,
) -> None:
    """Make a chip: a serial number, the wallet's keys and the token service's in their domains."""
    on = Installation(data, database=database)
    context.call_on_close(on.close)
    held = HeldFile(data / "bands" / f"{name}.lock", f"The band {name!r}")
    context.call_on_close(held.release)
    memory = FileMemory(data / "bands" / f"{name}.se")
    today = on.clock.now().date()
    serial = on.factory.make(memory, device_named(profile), made_on=today, laboratory=lab)
    issuer = WELL_KNOWN_KEYS if lab else on.issuer_domain_keys.of(bytes.fromhex(serial))
    typer.echo(f"Band {name!r}, serial number {serial.upper()}")
    manager = "everybody, for it is a laboratory's" if lab else "the wallet"
    for domain, holder, keys in (
        ("Issuer domain", manager, issuer),
        ("Payment domain", "the token service", on.keys.device_keys(serial)),
    ):
        checks = " ".join(kcv_aes(key).hex().upper() for key in (keys.enc, keys.mac, keys.dek))
        typer.echo(f"{domain:<15} AES-128, version 1, check values {checks}: {holder}")
