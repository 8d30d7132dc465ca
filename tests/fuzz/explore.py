"""The long run: `python -m tests.fuzz.explore`, coverage-guided by Atheris (libFuzzer).

Each target runs in processes of its own, for libFuzzer ends the one it is in. What reached
something new is minimised and kept in `corpus`; what failed is printed as hex, to be put there by
hand with the fix. `make fuzz` installs Atheris, which has wheels for Linux alone: the minute that
every run gives (`test_fuzz.py`) goes without.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

INPUT_BYTES_MAX = 4_096
SECONDS_AN_INPUT_MAX = 10


def instrumented(name: str, arguments: Sequence[str]) -> None:
    """One libFuzzer process; the first of its arguments is the program that it starts for more."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["zheton"]):
        targets = import_module("tests.fuzz.test_fuzz").TARGETS
    atheris.Setup(list(arguments), targets[name])
    atheris.Fuzz()


def explore(name: str, seconds: int) -> tuple[str, bool]:
    """What a run of a target came to, in words, and whether nothing failed."""
    corpus, seeds = import_module("tests.fuzz.corpus"), import_module("tests.fuzz.seeds").SEEDS
    with TemporaryDirectory() as place:
        found, small = Path(place) / "found", Path(place) / "small"
        for folder in (found, small):
            folder.mkdir()
        for number, data in enumerate([*seeds[name], *corpus.kept(name)]):
            (found / f"{number:04d}").write_bytes(data)
        bounds = [f"-max_len={INPUT_BYTES_MAX}", f"-timeout={SECONDS_AN_INPUT_MAX}"]
        artifacts = f"-artifact_prefix={place}/failure-"
        program = _program(name, Path(place))
        run = _run(program, f"-max_total_time={seconds}", *bounds, artifacts, str(found))
        failures = [each.read_bytes().hex() for each in Path(place).glob("failure-*")]
        if run.returncode:
            return f"{name} failed on {failures}\n{run.stderr[-4_000:]}", False
        _run(program, "-merge=1", *bounds, str(small), str(found))
        corpus.keep(name, [each.read_bytes() for each in small.iterdir()])
        done = next(each for each in run.stderr.splitlines() if "DONE" in each)
        return f"{name}: {done}", True


def _program(name: str, place: Path) -> Path:
    """The target as a program, which libFuzzer can start once more to minimise a corpus."""
    program = place / "target"
    start = f'exec "{sys.executable}" -m tests.fuzz.explore --instrumented {name} "$0" "$@"'
    program.write_text(f"#!/bin/sh\n{start}\n")
    program.chmod(0o700)
    return program


def _run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (program, *arguments), capture_output=True, text=True, errors="replace", check=False
    )


def main(arguments: Sequence[str]) -> int:
    """Explore the targets that are named, or all of them, as many at once as there are cores."""
    if arguments[:1] == ["--instrumented"]:
        instrumented(arguments[1], arguments[2:])
        return 0
    targets = import_module("tests.fuzz.test_fuzz").TARGETS
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--seconds", type=int, default=3_600, help="for all targets together")
    parser.add_argument("targets", nargs="*", help=", ".join(targets))
    asked = parser.parse_args(arguments)
    names = asked.targets or list(targets)
    workers = os.cpu_count() or 1
    each = max(1, asked.seconds * min(workers, len(names)) // len(names))
    with ThreadPoolExecutor(workers) as pool:
        held = True
        for run in as_completed([pool.submit(explore, name, each) for name in names]):
            told, fine = run.result()
            sys.stdout.write(f"{told}\n")
            sys.stdout.flush()
            held = held and fine
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
