"""`zheton audit`: sign where the detokenisation log ends, find changes, hand out proofs."""

import json
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from zheton.adapters.audit_files import read_public_keys
from zheton.apps.cli.options import Data, DatabaseUrl
from zheton.apps.wiring import DEFAULT_DATA, Installation
from zheton.core.errors import ConfigurationError, VerificationError
from zheton.core.token.audit.checkpoint import Checkpoint
from zheton.core.token.audit.entry import Entry
from zheton.core.token.audit.epochs import followed, public_keys
from zheton.core.token.audit.inspect import losses
from zheton.core.token.audit.proof import Proof, from_json, to_json
from zheton.roles.tsp.audit import checkpoint as sign
from zheton.roles.tsp.audit import faults, prove, second_lives

app = typer.Typer(
    name="audit", help="Sign, verify and hand out the detokenisation log.", no_args_is_help=True
)

FAULTS_SHOWN = 50
PROOF_BYTES_MAX = 256 << 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Key = Annotated[
    Path | None,
    typer.Option("--key", help="Your copy of audit.public, whose last key the others must follow."),
]


@app.command()
def checkpoint(
    context: typer.Context, data: Data = DEFAULT_DATA, database: DatabaseUrl = ""
) -> None:
    """Sign where all chains end now, outside the database; print what can be published."""
    on = _installation(context, data, database)
    newest = sign(on.auditor, on.clock.now())
    typer.echo(_told(newest) if newest else "The log is empty: there is nothing to sign.")


@app.command()
def verify(
    context: typer.Context,
    data: Data = DEFAULT_DATA,
    database: DatabaseUrl = "",
    key: _Key = None,
) -> None:
    """Hash the whole log again and tell what was changed, and where; status 1 if anything was."""
    on = _installation(context, data, database)
    checkpoints = list(on.checkpoints.read())  # before the entries: they only grow
    written = sum(tip.count for tip in on.audit_log.tips().values())
    if not checkpoints and not written:
        typer.echo("The log is empty, and no checkpoint says otherwise.")
        return
    found = 0
    for loss in losses(checkpoints):
        typer.echo(f"Known: {loss}, signed on {_moment(loss.at_ms)}.")
    changed = faults(on.audit_log, checkpoints, _trusted(on, key))
    for fault in chain(changed, second_lives(on.audit_log)):
        found += 1
        if found > FAULTS_SHOWN:
            typer.echo("There is more; it ends here.")
            break
        typer.echo(str(fault))
    if found:
        raise typer.Exit(1)
    typer.echo(f"{written} entries, {len(checkpoints)} checkpoints, nothing was changed.")
    typer.echo(f"{_told(checkpoints[-1])} {written - checkpoints[-1].entries} entries are newer.")


@app.command()
def card(
    context: typer.Context,
    card: Annotated[str, typer.Argument(help="The card's id, 32 hex digits.")],
    data: Data = DEFAULT_DATA,
    database: DatabaseUrl = "",
    out: Annotated[Path | None, typer.Option(help="Write entries and proof to a file.")] = None,
) -> None:
    """Hand out all openings of one card, with the proof that none is missing."""
    on = _installation(context, data, database)
    proof = prove(on.auditor, card, on.clock.now())
    if out is None:
        typer.echo(json.dumps(to_json(proof), indent=1))
        return
    out.write_text(json.dumps(to_json(proof), indent=1) + "\n")
    _tell(proof)


@app.command("check-proof")
def check_proof(
    file: Annotated[Path, typer.Argument(help="What `zheton audit card` handed out.")],
    key: Annotated[Path, typer.Option("--key", help="The log's public keys: audit.public.")],
) -> None:
    """Check a proof with nothing but the public keys; status 1 unless it holds."""
    try:
        if file.stat().st_size > PROOF_BYTES_MAX:
            raise ConfigurationError(f"{file} is longer than any proof.")
        written = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{file} can't be read as a proof.") from error
    proof = from_json(written)
    try:
        proof.check(public_keys(read_public_keys(key)))
    except VerificationError as error:
        typer.echo(f"The proof does not hold: {error}")
        raise typer.Exit(1) from None
    _tell(proof)


def _installation(context: typer.Context, data: Path, database: str) -> Installation:
    """A place that holds a vault; it is not made by looking at it."""
    on = Installation(data, database=database)
    context.call_on_close(on.close)
    if not on.vault_exists:
        raise ConfigurationError(
            f"{data} holds no vault; name another folder with --data."
            if not database
            else "This database holds no vault; name another one with --database."
        )
    return on


def _trusted(on: Installation, pinned: Path | None) -> tuple[bytes, ...]:
    told = read_public_keys(on.audit_public)
    return public_keys(told) if pinned is None else followed(read_public_keys(pinned), told)


def _tell(proof: Proof) -> None:
    for entry in proof.entries:
        typer.echo(_line(entry))
    typer.echo(
        f"The proof holds: these {len(proof.entries)} are all openings of card {proof.card} "
        f"up to {_moment(proof.checkpoint.at_ms)} (checkpoint {proof.checkpoint.number}, "
        f"{proof.checkpoint.hash.hex()})."
    )


def _line(entry: Entry) -> str:
    what = entry.what
    number = f"number {what.index} of BIN {what.bin}" if what.bin else "no number"
    return (
        f"{entry.card_seq:>6}  {_moment(what.at_ms)}  {what.purpose:<13}  {number}  "
        f"for {what.reference}  by {what.who}"
    )


def _told(newest: Checkpoint) -> str:
    return (
        f"Checkpoint {newest.number} of {_moment(newest.at_ms)}: {newest.entries} entries in "
        f"{len(newest.states)} buckets, {newest.hash.hex()}."
    )


def _moment(at_ms: int) -> str:
    try:
        return f"{_EPOCH + timedelta(milliseconds=at_ms):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return f"{at_ms} ms"
