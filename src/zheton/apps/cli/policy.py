"""`zheton policy`: check a rollout file, explain one outcome, show what a new file changes."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from zheton.adapters.datafiles import load_policy
from zheton.core.country import country
from zheton.core.policy.difference import Change, difference
from zheton.core.policy.rule import Moment, Question
from zheton.core.token.domain import Channel, Device

app = typer.Typer(
    name="policy", help="Check, explain and compare rollout files.", no_args_is_help=True
)

_Day = Annotated[datetime, typer.Option("--on", formats=["%Y-%m-%d"], help="The day asked about.")]
_File = Annotated[Path | None, typer.Option("--file", help="A rollout file; else the shipped one.")]


@app.command()
def check(file: Annotated[Path, typer.Argument(help="The rollout file.")]) -> None:
    """Read a rollout file and say what it holds, or which rule is wrong."""
    policy = load_policy(file)
    typer.echo(
        f"{policy.name}, version {policy.version}: {len(policy.rules)} rules for "
        f"{len(policy.regions)} named countries, no mistakes."
    )


@app.command()
def explain(
    region: Annotated[
        str, typer.Option(help="RU, RUS or 643: the merchant's country, or the cardholder's.")
    ],
    network: Annotated[str, typer.Option(help="Such as mastercard.")],
    on: _Day,
    moment: Annotated[Moment, typer.Option(help="What is about to happen.")] = Moment.DEBIT,
    channel: Annotated[Channel | None, typer.Option(help="Where a debit is made.")] = None,
    device: Annotated[Device | None, typer.Option(help="What carries the numbers.")] = None,
    file: _File = None,
) -> None:
    """Say whether something is allowed, by which rule, and from when."""
    question = Question(moment, country(region), network, on.date(), channel, device)
    decision = load_policy(file).decide(question)
    typer.echo(f"{'allowed' if decision.allowed else 'refused'}: {decision.text}")


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="The rollout file in use.")],
    new: Annotated[Path, typer.Argument(help="The rollout file that would replace it.")],
) -> None:
    """Show which outcomes change if one rollout file replaces another."""
    lines = list(_lines(difference(load_policy(old), load_policy(new))))
    typer.echo("\n".join(lines) if lines else "No outcome changes.")


def _lines(changes: Iterable[Change]) -> Iterator[str]:
    """One line an outcome; the devices that share it stand together."""
    ordered = sorted(changes, key=_but_device)
    for (scope, outcome), group in groupby(ordered, key=_but_device):
        devices = [change.device.value for change in group if change.device]
        every = not devices or len(devices) == len(Device)
        yield f"{scope}, {'every device' if every else ' and '.join(devices)}: {outcome}"


def _but_device(change: Change) -> tuple[str, str]:
    where = f"{change.region.alpha2} {change.region.name}" if change.region else "elsewhere"
    channel = f" ({change.channel})" if change.channel else ""
    verb = "allowed" if change.after.allowed else "refused"
    return (
        f"{where}, {change.network}, {change.moment}{channel}",
        f"{verb} {_when(change)} ({change.before.rule} -> {change.after.rule})",
    )


def _when(change: Change) -> str:
    match change.from_date, change.until:
        case None, None:
            return "on every day"
        case None, until:
            return f"before {until}"
        case start, None:
            return f"from {start} on"
        case start, until:
            return f"from {start} until {until}"
