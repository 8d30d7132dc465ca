"""One X-ray made of a finished trace: its steps, who saw what, and its figures."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from zheton.apps.trace import Crossing
from zheton.apps.xray.decoder import steps
from zheton.apps.xray.saw import Facts, cryptograms_in, saw
from zheton.apps.xray.step import Step, XRay
from zheton.core.scp03.keys import StaticKeys


def xray(
    title: str, crossings: Sequence[Crossing], facts: Facts, chip_keys: StaticKeys | None = None
) -> XRay:
    """The X-ray of a trace; cryptograms to look for are the chip's own where facts name none.

    `chip_keys` open the packages for one chip.
    """
    if not facts.cryptograms:
        facts = replace(facts, cryptograms=cryptograms_in(crossings))
    opened = steps(crossings, facts.pan, chip_keys)
    return XRay(title, tuple(opened), tuple(saw(crossings, facts)), figures(opened))


def hops(opened: Iterable[Step]) -> dict[tuple[str, str], tuple[int, float]]:
    """For each way from one party to another: its messages, and the time it took to make them."""
    found: dict[tuple[str, str], tuple[int, float]] = {}
    for step in opened:
        way = (step.source, step.target)
        count, took_ms = found.get(way, (0, 0.0))
        found[way] = (count + 1, took_ms + step.took_ms)
    return found


def figures(opened: Sequence[Step]) -> dict[str, float]:
    """Counts and times of a whole X-ray; `total_ms` is up to its last crossing."""
    return {
        "steps": len(opened),
        "total_ms": round(max((step.at_ms for step in opened), default=0.0), 3),
        "apdus": sum(step.protocol == "apdu" for step in opened),
        "messages": sum(step.protocol == "iso8583" for step in opened),
        "tap_ms": round(_span(step for step in opened if step.protocol == "apdu"), 3),
        "element_ms": round(sum(step.took_ms for step in opened if step.source == "element"), 3),
    }


def _span(opened: Iterable[Step]) -> float:
    moments = [step.at_ms for step in opened]
    return max(moments) - min(moments) if moments else 0.0
