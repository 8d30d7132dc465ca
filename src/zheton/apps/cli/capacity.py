"""`zheton capacity`: how many token BINs a rate of debits and a dispute window need, and why."""

import json
from datetime import timedelta
from typing import Annotated, Any

import typer

from zheton.core.token import capacity as model
from zheton.core.token.batch import BATCH_SIZE, DISPUTE_WINDOW

BIN_DIGITS = (6, 8)


def capacity(
    rate: Annotated[float, typer.Option(min=0, help="Debits a second, on average.")] = 5565.0,
    window_days: Annotated[
        float, typer.Option(min=0, help="Days that a batch rests after its last financial event.")
    ] = DISPUTE_WINDOW / timedelta(days=1),
    batch_size: Annotated[
        int, typer.Option(min=1, max=model.BATCH_SIZE_MAX, help="Numbers in a batch.")
    ] = BATCH_SIZE,
    fill_days: Annotated[
        float, typer.Option(min=0, help="Days from the first debit of a batch to its last.")
    ] = 14.0,
    devices: Annotated[int, typer.Option(min=0, help="Devices.")] = 100_000_000,
    batches: Annotated[
        float, typer.Option(min=0, help="Untouched batches that wait on a device.")
    ] = 3.0,
    unused: Annotated[
        float, typer.Option(min=0, max=1, help="Share of all numbers that are never spent.")
    ] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say how many token BINs of 6 and of 8 digits a rate and a dispute window need.

    The rate is Mastercard's average of 2025 unless another is given.
    """
    demand = model.Demand(
        debits_per_s=rate,
        window_days=window_days,
        fill_days=fill_days,
        devices=devices,
        batches_per_device=batches,
        unused_share=unused,
        batch_size=batch_size,
    )
    found = model.capacity(demand)
    typer.echo(json.dumps(_document(found)) if as_json else _told(found))


def _document(found: model.Capacity) -> dict[str, Any]:
    demand = found.demand
    return {
        "capacity": {
            "numbers_per_s": demand.numbers_per_s,
            "resting_numbers": round(found.resting),
            "filling_numbers": round(found.filling),
            "waiting_numbers": round(found.waiting),
            "numbers": round(found.numbers),
            **{f"bins_of_{digits}": found.bins(digits) for digits in BIN_DIGITS},
            **{f"days_of_a_bin_of_{digits}": found.days_of_a_bin(digits) for digits in BIN_DIGITS},
        },
        "settings": {
            "debits_per_s": demand.debits_per_s,
            "window_days": demand.window_days,
            "batch_size": demand.batch_size,
            "fill_days": demand.fill_days,
            "devices": demand.devices,
            "batches_per_device": demand.batches_per_device,
            "unused_share": demand.unused_share,
        },
    }


def _told(found: model.Capacity) -> str:
    demand = found.demand
    parts = (
        (found.resting, f"rest: {demand.window_days:g} days from their batch's last event"),
        (found.filling, f"are in batches being spent: {demand.fill_days:g} days for a batch"),
        (
            found.waiting,
            f"wait: {demand.batches_per_device:g} untouched batches of {demand.batch_size} on each "
            f"of {demand.devices:,} devices",
        ),
        (found.numbers, "are out of reach at any moment"),
    )
    lines = [
        f"{demand.debits_per_s:,g} debits a second take {demand.numbers_per_s:,.0f} numbers a "
        f"second, if {demand.unused_share:.3g} of them are never spent.",
        "",
        *(f"{numbers:>22,.0f}  {what}" for numbers, what in parts),
        "",
    ]
    lines += [_bins(found, digits) for digits in BIN_DIGITS]
    return "\n".join(lines)


def _bins(found: model.Capacity, digits: int) -> str:
    size = model.usable(digits, found.demand.batch_size)
    days = found.days_of_a_bin(digits)
    lasts = "" if days is None else f"; a fresh one lasts {_span(days)}"
    return f"{found.bins(digits):>22,}  BINs of {digits} digits, {size:,} numbers each{lasts}"


def _span(days: float) -> str:
    """A time in the unit that suits it.

    >>> _span(2.08), _span(0.0208)
    ('2.1 days', '30 minutes')
    """
    if days >= 1:
        return f"{days:,.1f} days"
    hours = days * 24
    return f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"
