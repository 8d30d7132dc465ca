"""`zheton bench`: figures and their machine; exit status 0 only if the work was right."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from zheton.apps.bench.chain import Load, bench_chain
from zheton.apps.bench.provision import bench_provision
from zheton.apps.bench.report import Report
from zheton.apps.bench.tap import bench_tap
from zheton.apps.bench.tokens import Amounts, bench_tokens

app = typer.Typer(
    name="bench", help="Measure; every bench checks the work it timed.", no_args_is_help=True
)

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def tap(
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many taps of a kind.")] = 300,
    as_json: _Json = False,
) -> None:
    """A whole tap, SELECT PPSE to GENERATE AC: in process, and through PC/SC where it is there."""
    present(bench_tap(count), as_json=as_json)


@app.command()
def provision(
    count: Annotated[int, typer.Option(min=1, max=1_000, help="How many bands by each way.")] = 30,
    as_json: _Json = False,
) -> None:
    """An empty band gets its first numbers: in process, over Bluetooth, and through PC/SC."""
    present(bench_provision(count), as_json=as_json)


@app.command()
def chain(
    count: Annotated[int, typer.Option(min=1, max=200_000, help="Debits a run.")] = 2000,
    in_flight: Annotated[int, typer.Option(min=1, max=4000, help="Sales at the same time.")] = 64,
    cards: Annotated[int, typer.Option(min=1, max=5000, help="Cards that pay, at least.")] = 256,
    seconds: Annotated[float, typer.Option(min=0.1, help="End a run after this long.")] = 60.0,
    runs: Annotated[int, typer.Option(min=1, max=99, help="Runs; medians are told.")] = 3,
    database: Annotated[
        str, typer.Option(help="A PostgreSQL instead of SQLite: postgresql://user@host/name.")
    ] = "",
    as_json: _Json = False,
) -> None:
    """Whole debits through acquirer, network, token service and issuer, every commit flushed."""
    present(bench_chain(Load(count, in_flight, cards, seconds, runs, database)), as_json=as_json)


@app.command()
def tokens(
    count: Annotated[
        int, typer.Option(min=1, max=10_000_000, help="Numbers of each range a run.")
    ] = 200_000,
    runs: Annotated[int, typer.Option(min=1, max=99, help="Runs; medians are told.")] = 5,
    cards: Annotated[int, typer.Option(min=1, max=100_000, help="Cards in the vault.")] = 1000,
    batches: Annotated[int, typer.Option(min=1, max=64, help="Batches of each card.")] = 3,
    as_json: _Json = False,
) -> None:
    """One-time numbers: made, brought back to their indexes, and what a live one takes to keep."""
    present(bench_tokens(Amounts(count, runs, cards, batches)), as_json=as_json)


def present(report: Report, *, as_json: bool) -> None:
    """Print a report; exit status 1 and the reasons on stderr if its work was not right."""
    if as_json:
        typer.echo(json.dumps(report.document()))
    else:
        _table(report)
    for claim in report.broken:
        typer.echo(f"zheton: not true of this run: {claim}.", err=True)
    if report.broken:
        raise typer.Exit(1)


def _table(report: Report) -> None:
    document = report.document()
    table = Table(title=f"bench {report.bench}", title_justify="left", show_header=False)
    table.add_column("name")
    table.add_column("value")
    for part in ("figures", "settings", "machine"):
        table.add_section()
        for name, value in document[part].items():
            shown = "not measured" if value is None else str(value)
            table.add_row(name, shown, style="bold" if part == "figures" else "")
    Console().print(table)
