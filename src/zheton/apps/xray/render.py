"""An X-ray for a terminal of 100 columns: steps with what tells most, who saw what, times by hop.

Colour only repeats what the text says.
"""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zheton.apps.xray.apdu import CARD
from zheton.apps.xray.inside import GROUPING, PLAIN
from zheton.apps.xray.step import Field, PartySaw, Step, XRay
from zheton.apps.xray.whole import hops

WIDTH_MAX = 100
TELLING_MAX = 6
_INDENT, _NAME_WIDTH = 4, 36
_TELLING_TAGS = ("84", "50", "82", "94", "5A", "57", "95", "9F02", "9F26", "9F27", "9F34")
_TELLING_ELEMENTS = ("DE2", "DE4", "DE22", "DE38", "DE39", "DE48.25", "DE48.33", "DE56", "DE70")
_TELLING = frozenset(
    (*_TELLING_TAGS, "9F36", "91", *_TELLING_ELEMENTS, "CVR", "Data", PLAIN, GROUPING)
)


def render(console: Console, xray: XRay, *, every_field: bool = False) -> None:
    """Print an X-ray; `every_field` shows all fields in full instead of the most telling."""
    width = min(console.width, WIDTH_MAX)
    _print(console, Text(xray.title, style="bold"), width)
    for step in xray.steps:
        _print(console, _head(step), width, cut=True)
        shown = list(step.fields) if every_field else telling(step)
        if shown:
            console.print(_grid(shown, width, cut=not every_field))
    if xray.parties:
        console.print()
        console.print(_saw_table(xray.parties, width))
        _print(console, Text(holders(xray.parties), style="bold"), width)
    if xray.steps:
        console.print()
        console.print(_hop_table(xray.steps, width))


def telling(step: Step) -> list[Field]:
    """The fields of a step that one reads first."""
    if any(each.tag for each in step.fields):
        chosen = [each for each in step.fields if each.tag in _TELLING and each.value]
    else:
        chosen = list(step.fields)
    return chosen[:TELLING_MAX]


def holders(parties: tuple[PartySaw, ...]) -> str:
    """One sentence: who saw the card number."""
    names = [each.party for each in parties if each.card_number]
    if not names:
        return "Nobody saw the card number."
    return f"The card number was seen by: {', '.join(names)}. By nobody else."


def _head(step: Step) -> Text:
    line = Text(f"{step.n:>4}  {step.at_ms:>9.2f} ms  ")
    line.append(f"{step.source} → {step.target}", style="cyan")
    line.append("  ")
    line.append(step.title, style="bold")
    if step.took_ms:
        line.append(f"  ({step.took_ms:.2f} ms)", style="dim")
    # Other summaries repeat what the fields below say.
    if step.summary and (step.target == CARD or step.protocol == "file"):
        line.append(f"  {step.summary}")
    return line


def _grid(fields: list[Field], width: int, *, cut: bool) -> Table:
    """Fields in two columns; `cut` keeps each on one line."""
    grid = Table.grid(padding=(0, 2))
    grid.width = width
    grid.add_column(width=_INDENT)
    grid.add_column(width=_NAME_WIDTH, no_wrap=cut, overflow="ellipsis", style="dim")
    grid.add_column(no_wrap=cut, overflow="ellipsis" if cut else "fold", ratio=1)
    for each in fields:
        name = f"{each.tag} {each.name.strip()}" if each.tag else each.name
        grid.add_row("", Text(name), _told(each))
    return grid


def _told(field: Field) -> Text:
    """In words first: the value may be long, and its meaning is what one looks for."""
    if not field.meaning:
        return Text(field.value)
    told = Text(field.meaning)
    return told.append(f"  [{field.value}]", style="dim") if field.value else told


def _saw_table(parties: tuple[PartySaw, ...], width: int) -> Table:
    things = list(dict.fromkeys(thing for party in parties for thing in party.saw))
    table = Table(title="Who saw what", title_justify="left", box=None, width=width, pad_edge=False)
    table.add_column("party", no_wrap=True)
    for thing in (*things, "card number"):
        table.add_column(thing, justify="center")
    for party in parties:
        marks = [_mark(thing in party.saw) for thing in things]
        table.add_row(party.party, *marks, _mark(party.card_number))
    return table


def _mark(seen: bool) -> str:
    return "saw" if seen else "-"


def _hop_table(steps: tuple[Step, ...], width: int) -> Table:
    table = Table(title="Time by hop", title_justify="left", box=None, pad_edge=False)
    table.add_column("from → to", no_wrap=True, max_width=width // 2)
    table.add_column("crossings", justify="right")
    table.add_column("made in, ms", justify="right")
    for (source, target), (count, took_ms) in hops(steps).items():
        table.add_row(f"{source} → {target}", str(count), f"{took_ms:.2f}")
    return table


def _print(console: Console, line: Text, width: int, *, cut: bool = False) -> None:
    """One line, cut to the width or wrapped in it; never read as markup."""
    if cut:
        line.truncate(width, overflow="ellipsis")
    console.print(line, width=width, highlight=False)
