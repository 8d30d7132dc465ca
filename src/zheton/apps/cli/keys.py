"""`zheton keys`: list the vault's keys, create those of a BIN, rotate them, seal their file."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table

from zheton.adapters.keys import renewal
from zheton.adapters.keys.opening import seal as seal_file
from zheton.adapters.keys.ring import KeyEntry, Purpose
from zheton.apps.cli.options import Data, DatabaseUrl, PassphraseFile
from zheton.apps.passphrase import AskedPassphrase
from zheton.apps.wiring import DEFAULT_DATA, Installation
from zheton.core.errors import ConfigurationError
from zheton.core.scheme import Cipher
from zheton.roles.tsp.rotate import Progress, Rotation, reindex_cards, reseal_cards

app = typer.Typer(
    name="keys", help="List, create, rotate and seal the vault's keys.", no_args_is_help=True
)

PASSES_MAX = 10
CUSTODIES = {
    "plain": "Not sealed: whoever reads the file has the keys. Run zheton keys seal to seal it.",
    "passphrase": "Sealed by a passphrase.",
    "pkcs11": "In a PKCS#11 token: issuer and device masters never leave it.",
}


class Ciphers(StrEnum):
    """What an issuer master key may be for."""

    TRIPLE_DES = "3des"
    AES = "aes"


class Rotating(StrEnum):
    """The keys that can be rotated."""

    DATA = "data"
    ISSUER = "issuer"
    INDEX = "index"
    AUDIT = "audit"
    ENVELOPE = "envelope"


_PASS: dict[Rotating, Callable[[Rotation], Iterator[Progress]]] = {
    Rotating.DATA: reseal_cards,
    Rotating.INDEX: reindex_cards,
}


@app.command("list")
def list_keys(
    context: typer.Context,
    data: Data = DEFAULT_DATA,
    database: DatabaseUrl = "",
    passphrase_file: PassphraseFile = None,
) -> None:
    """Show every key's purpose, BIN, version, algorithm, day and check value; never a key."""
    installation = _installation(context, data, database, passphrase_file)
    keys, console = installation.keys, Console()
    table = Table("Purpose", "BIN", "Version", "Algorithm", "Created", "Check value", box=None)
    for entry in sorted(keys.entries(), key=_order):
        table.add_row(
            entry.purpose, entry.bin, str(entry.version), entry.algorithm, entry.created,
            entry.check,
        )  # fmt: skip
    console.print(table)
    console.print(f"{installation.key_file}: {CUSTODIES[keys.custody_kind()]}", soft_wrap=True)


@app.command()
def create(
    context: typer.Context,
    token_bin: Annotated[str, typer.Argument(metavar="BIN", help="A token BIN, 6 or 8 digits.")],
    cipher: Annotated[
        Ciphers | None, typer.Option(help="The cipher of its cryptograms; else as its network has.")
    ] = None,
    data: Data = DEFAULT_DATA,
    database: DatabaseUrl = "",
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make the issuer master key and the FF1 key of a new token BIN."""
    installation = _installation(context, data, database, passphrase_file)
    chosen, keys = _cipher(installation, token_bin, cipher), installation.keys
    if token_bin not in keys.token_bins:  # a fresh ring has the keys of every network's BINs
        day = installation.key_settings.day
        keys.change(lambda ring, on: renewal.with_bin(ring, on, token_bin, chosen, day))
        _tell_made(keys.entries()[-2:])
        return
    _tell_made([entry for entry in keys.entries() if entry.bin == token_bin])
    typer.echo("They were there already: a range keeps its FF1 key for life.")


@app.command()
def rotate(
    context: typer.Context,
    purpose: Annotated[Rotating, typer.Argument(help="Which key.")],
    token_bin: Annotated[
        str, typer.Argument(metavar="[BIN]", help="Whose issuer master key.")
    ] = "",
    data: Data = DEFAULT_DATA,
    database: DatabaseUrl = "",
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make a new version of a key, and bring all cards to it; run again to finish what was cut.

    Everything else may go on running meanwhile. The old version stays until the next rotation
    finds that nothing needs it.
    """
    if (purpose is Rotating.ISSUER) != bool(token_bin):
        raise ConfigurationError(
            "An issuer key is named by its BIN: zheton keys rotate issuer BIN."
        )
    installation = _installation(context, data, database, passphrase_file)
    keys, wanted = installation.keys, Purpose(purpose)
    day = installation.key_settings.day
    if purpose in _PASS:
        begun = _bring(installation, purpose, "What an earlier rotation left")
        if begun.changed:
            typer.echo(f"An earlier rotation was cut short; it is finished now: {_told(begun)}.")
            return
        if not begun.left:
            keys.change(lambda ring, _: renewal.without_older(ring, wanted))
    if purpose is Rotating.ENVELOPE:  # what was closed to the key before the newest still opens
        keys.change(lambda ring, _: renewal.without_older(ring, wanted))
    keys.change(lambda ring, on: renewal.with_new_version(ring, on, wanted, token_bin, day))
    _tell_made([keys.entries()[-1]])
    if purpose in _PASS:
        typer.echo(f"{_told(_bring(installation, purpose, 'Cards'))}.".capitalize())
    if purpose is Rotating.ENVELOPE:
        typer.echo(f"Entry forms pin it by its thumbprint {keys.envelope_thumbprint()}.")
    if purpose is Rotating.AUDIT:
        installation.keep_audit_keys()
        typer.echo(
            f"It is signed by the key before it; its public key is in {installation.audit_public}."
        )
    if purpose is Rotating.ISSUER:
        typer.echo("New batches are leased under it; those on devices keep theirs.")


@app.command()
def seal(
    context: typer.Context,
    data: Data = DEFAULT_DATA,
    database: DatabaseUrl = "",
    passphrase_file: PassphraseFile = None,
    new_passphrase_file: Annotated[
        Path | None,
        typer.Option(help="A file with the new one; else ZHETON_NEW_PASSPHRASE, else asked."),
    ] = None,
) -> None:
    """Put a passphrase on the key file, or another in the place of its own."""
    installation = _installation(context, data, database, passphrase_file)
    new = AskedPassphrase(
        new_passphrase_file,
        "ZHETON_NEW_PASSPHRASE",
        "New passphrase of the keys: ",
        "--new-passphrase-file",
    ).ask_twice()
    seal_file(installation.key_file, installation.key_settings, new)
    typer.echo(
        f"{installation.key_file} is sealed. Processes that are running keep their keys; "
        "restart them before the next rotation. Destroy copies of the file as it was."
    )


def _installation(
    context: typer.Context, data: Path, database: str, passphrase_file: Path | None
) -> Installation:
    on = Installation(data, passphrase=AskedPassphrase(passphrase_file), database=database)
    context.call_on_close(on.close)
    return on


def _bring(installation: Installation, purpose: Rotating, what: str) -> Progress:
    """Passes over all cards until one finds nothing to change; what they did together."""
    changed, last = 0, Progress(0, 0, 0, 0)
    on = installation
    rotation = Rotation(on.keys, on.vault, on.who("keys"), on.clock.now)
    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        for _ in range(PASSES_MAX):
            shown = bar.add_task(what, total=None)
            for last in _PASS[purpose](rotation):
                bar.update(shown, total=last.total, completed=last.seen)
            changed += last.changed
            if not last.changed:
                break
    return Progress(last.seen, changed, last.left, last.total)


def _told(progress: Progress) -> str:
    left = f", {progress.left} don't open and stay as they are" if progress.left else ""
    return f"{progress.changed} cards are brought to the newest key{left}"


def _cipher(installation: Installation, token_bin: str, cipher: Ciphers | None) -> Cipher:
    owners = [s for s in installation.schemes if token_bin in s.token_bins]
    if cipher is None and not owners:
        raise ConfigurationError(
            f"No network has the token BIN {token_bin} yet; say --cipher 3des or --cipher aes."
        )
    return owners[0].cryptogram.cipher if cipher is None else cipher.value


def _tell_made(entries: list[KeyEntry] | tuple[KeyEntry, ...]) -> None:
    for e in entries:
        name = f"{e.purpose} {e.bin}".strip()
        typer.echo(f"{name}, version {e.version}, {e.algorithm}: check value {e.check}")


def _order(entry: KeyEntry) -> tuple[int, str, int]:
    return list(Purpose).index(entry.purpose), entry.bin, entry.version
