"""Inputs that reached something of their own, kept in the repository: one file a target, in hex."""

from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"
FILE_BYTES_MAX = 3_000  # all of them together are some tens of KB


def kept(target: str) -> list[bytes]:
    """The inputs kept for a target, shortest first."""
    file = FOLDER / f"{target}.hex"
    return [bytes.fromhex(line) for line in file.read_text().splitlines()] if file.exists() else []


def keep(target: str, inputs: Iterable[bytes]) -> None:
    """Write the inputs of a target, the shortest ones if they are too many."""
    lines, size = [], 0
    for each in sorted(set(inputs), key=lambda data: (len(data), data)):
        size += 2 * len(each) + 1
        if not each or size > FILE_BYTES_MAX:
            continue
        lines.append(each.hex())
    (FOLDER / f"{target}.hex").write_text("".join(f"{line}\n" for line in lines))
