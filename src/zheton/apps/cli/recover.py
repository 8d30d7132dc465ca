"""`zheton recover`: after a restore, skip and void what the lost part may have given out.

It holds the data folder, so no role of it runs meanwhile. Cut in the middle it leaves a database
that takes no debits, and goes on from there when it is run again.
"""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from zheton.adapters.witness_file import WitnessFile
from zheton.apps.cli.options import DatabaseUrl
from zheton.apps.passphrase import AskedPassphrase
from zheton.apps.wiring import DEFAULT_DATA, Installation
from zheton.core.errors import ConfigurationError
from zheton.core.token.batch import BATCH_SIZE, BUCKETS
from zheton.core.token.witness import Witness, together
from zheton.roles.network.complete import abandon
from zheton.roles.tsp.audit import accept_restored
from zheton.roles.tsp.recover import Done, Plan, Range, carry_out, plan, survey

SKIP_MAX = 1_000_000
PENDING_A_GROUP = 200


def recover(
    data: Annotated[Path, typer.Option(help="The folder of keys and databases.")] = DEFAULT_DATA,
    database: DatabaseUrl = "",
    skip: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=SKIP_MAX,
            help="Batches to skip of each BIN and bucket beyond what the witness saw; needed where "
            "the witness is lost, and recovers a database that looks whole.",
        ),
    ] = None,
    witness: Annotated[
        list[Path] | None,
        typer.Option(help="The witness of another folder of this vault; may be repeated."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
    ] = False,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="A file with the passphrase of sealed keys; else ZHETON_PASSPHRASE."),
    ] = None,
) -> None:
    """After a restore: skip indexes, void batches, reverse what was under way; then open.

    As long as it is not done the database takes no debits. Cut it and run it again.
    """
    on = Installation(data, passphrase=AskedPassphrase(passphrase_file), database=database)
    if not on.key_file.exists():
        raise ConfigurationError(f"{data} holds no vault; name another folder with --data.")
    with closing(on), on.held():
        own, others = on.witness.read(), [_witness(on, each) for each in witness or []]
        testimony = together([*([own] if own else []), *others])
        what = plan(on.incarnation, testimony, _ranges(on), skip)
        if what is None:
            typer.echo("The database is not older than its witness: there is nothing to recover.")
            return
        typer.echo(what.why)
        if dry_run:
            _tell(survey(on.incarnation, what), "would be")
            typer.echo("Nothing was changed: this was a dry run.")
            return
        _recover(on, what)


def _witness(on: Installation, path: Path) -> Witness:
    found = WitnessFile(path, on.keys).read()
    if found is None:
        raise ConfigurationError(f"There is no witness {path}; name another file.")
    return found


def _ranges(on: Installation) -> dict[str, Range]:
    return {
        token_bin: Range(
            on.keys.token_range(token_bin).size // BATCH_SIZE, on.keys.issuer_key_version(token_bin)
        )
        for token_bin in on.keys.token_bins
    }


def _recover(on: Installation, what: Plan) -> None:
    console, done = Console(stderr=True), Done()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        shown = bar.add_task("Buckets", total=BUCKETS)
        for done in carry_out(on.incarnation, what, on.clock.now()):
            bar.update(shown, completed=done.buckets)
    switch, under_way = on.switch_as_found(), 0
    while count := abandon(switch, PENDING_A_GROUP, on.clock.now()):
        under_way += count
    signed = accept_restored(on.auditor, on.clock.now())
    now = on.clock.now()
    with on.incarnation.recovering() as tx:
        tx.open(now)
    life, handed_out = on.incarnation.read()
    if life is None or life.recovering:
        raise ConfigurationError("The database did not keep that it is open; look into it.")
    on.witness.write(life, handed_out)
    _tell(done, "were")
    typer.echo(
        f"{under_way} debits were under way: their issuers hear of a reversal once the network "
        "runs."
    )
    typer.echo(
        f"Checkpoint {signed.number} signs where the detokenisation log goes on: "
        f"{signed.entries} entries, {signed.hash.hex()}."
    )
    typer.echo(f"The database is open, in its life number {life.number}.")


def _tell(done: Done, were: str) -> None:
    table = Table("BIN", "Batches ended", "Batches skipped", "Numbers skipped", box=None)
    for token_bin in sorted(done.voided.keys() | done.skipped.keys()):
        skipped = done.skipped[token_bin]
        table.add_row(
            token_bin, str(done.voided[token_bin]), str(skipped), str(skipped * BATCH_SIZE)
        )
    Console().print(table)
    typer.echo(f"{done.buckets} of {BUCKETS} buckets {were} gone through.")
