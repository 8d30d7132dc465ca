"""`zheton demo`: one whole journey in a lab of its own, and the X-ray of what crossed."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from zheton.apps.cli.stolen_database import stolen_database
from zheton.apps.lab.journey import LEGS, PROVISIONING, Journey, Leg, Story
from zheton.apps.lab.lab import Lab
from zheton.apps.lab.people import People
from zheton.apps.logs import quiet
from zheton.apps.wiring import Installation
from zheton.apps.xray.render import WIDTH_MAX, render
from zheton.apps.xray.step import XRay

SHOWN = ("tap", "online")  # the debits; --all shows the other legs' crossings as well


class Shown(StrEnum):
    """What there is to show."""

    JOURNEY = "journey"
    PROVISION = "provision"
    STOLEN_DATABASE = "stolen-database"


def demo(
    name: Annotated[
        Shown,
        typer.Argument(
            help="The journey, the way of numbers into a chip, "
            "or what a thief of the vault's database finds."
        ),
    ] = Shown.JOURNEY,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what happened as one JSON object.")
    ] = False,
    every_leg: Annotated[
        bool, typer.Option("--all", help="Show the crossings of every leg, not only the debits.")
    ] = False,
    every_field: Annotated[
        bool, typer.Option("--fields", help="Show every field of every message.")
    ] = False,
    policy: Annotated[
        Path | None, typer.Option(help="A rollout file instead of mi-pay-2019.")
    ] = None,
) -> None:
    """Walk one whole journey and print its X-ray; exit status 0 only if every step happened."""
    quiet()
    if name is Shown.STOLEN_DATABASE:
        stolen_database(as_json=as_json)
        return
    console = Console(quiet=as_json, width=None if sys.stdout.isatty() else WIDTH_MAX)

    provisioning = name is Shown.PROVISION
    intended, shown = (PROVISIONING, ("provision",)) if provisioning else (LEGS, SHOWN)

    def told(leg: Leg) -> None:
        mark = Text("✓ ", "green") if leg.happened else Text("✗ ", "bold red")
        console.print(mark + Text(f"{leg.name:<10}", "bold") + Text(f"{leg.text}."))
        if (every_leg or leg.name in shown) and leg.xray is not None and leg.xray.steps:
            console.print()
            render(console, XRay("", leg.xray.steps, ()), every_field=every_field)
            console.print()

    story = asyncio.run(_walk(policy, told, intended))
    if as_json:
        typer.echo(json.dumps(story.to_json(), ensure_ascii=False))
    else:
        render(console, XRay("Who saw what", (), tuple(story.parties)))
    if not story.complete:
        raise typer.Exit(1)


async def _walk(policy: Path | None, told: Callable[[Leg], None], intended: Sequence[str]) -> Story:
    with tempfile.TemporaryDirectory(prefix="zheton-demo-") as folder:
        lab = Lab(Installation(Path(folder), policy))
        await lab.start()
        try:
            people = await lab.add(People(lab))
            return await Journey(lab, people).walk(told, intended)
        finally:
            await lab.close()
