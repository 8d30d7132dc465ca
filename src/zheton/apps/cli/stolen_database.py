"""`zheton demo stolen-database`: a million numbers tried on our index and on an unkeyed one."""

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from zheton.apps.lab.stolen import CANDIDATES, Theft, steal


def stolen_database(*, as_json: bool, candidates: int = CANDIDATES) -> None:
    """Show what the thief finds; exit status 0 only if he finds nothing in our index."""
    with tempfile.TemporaryDirectory(prefix="zheton-stolen-") as folder:
        theft = steal(Path(folder), candidates)
    if as_json:
        typer.echo(json.dumps(asdict(theft)))
    else:
        _show(theft)
    if not theft.as_it_should_be:
        raise typer.Exit(1)


def _show(theft: Theft) -> None:
    console = Console()
    console.print(
        f"A stolen database, {theft.cards} cards, {theft.candidates:,} card numbers tried on it:",
        soft_wrap=True,
    )
    table = Table("Column", "Tried with", "Numbers found", "Time", box=None)
    for finding in (theft.unkeyed, *theft.keyed):
        table.add_row(
            finding.column, finding.tried, f"{finding.found} of {theft.cards}",
            f"{finding.seconds:.1f} s",
        )  # fmt: skip
    console.print(table)
    console.print(
        f"With the key, which is not in the database, {theft.found_with_key} of {theft.cards} are "
        "found: it is the key that hides them.",
        soft_wrap=True,
    )
