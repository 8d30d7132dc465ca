"""`zheton`: the one command, its sub-commands, and what becomes of every error.

A sub-command is a module of this package: with a typer `app` where it has sub-commands of its own,
else with a function of its name. It is imported when it is asked for and not before, so that help
and mistakes are answered at once.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from zheton.adapters.clock import SystemClock
from zheton.apps import core_dumps
from zheton.apps.cli.complaint import sentence, status_of
from zheton.apps.logs import loud

COMMANDS = {
    "up": "Run all roles in one process, with the console.",
    "serve": "Run one role as a process of its own.",
    "demo": "Walk through one whole journey and print the X-ray of its debits.",
    "band": "Put a band into a virtual PC/SC reader and on the air.",
    "companion": "Be the phone beside a band: scan, pair, sync, status.",
    "device": "Manufacture chips and hand their keys to their holders.",
    "pos": "Be a till on a PC/SC reader and take a payment.",
    "bench": "Measure; every bench checks the work it timed.",
    "keys": "List, create, rotate and seal the vault's keys.",
    "capacity": "Say how many token BINs a rate and a dispute window need.",
    "audit": "Sign, verify and hand out the detokenisation log.",
    "recover": "After a restore of the database: skip, void, then open.",
    "policy": "Check, explain and compare rollout files.",
}


@dataclass
class Session:
    """What the options before the sub-command said."""

    debug: bool = False


class Later(TyperCommand):
    """A sub-command that is known by name and help until somebody runs it."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **more: Any) -> Any:
        """Import the real command and let it read its arguments."""
        command = typer.main.get_command(_app_of(str(self.name)))
        return command.make_context(info_name, args, *rest, **more)


def _app_of(name: str) -> typer.Typer:
    module = import_module(f"zheton.apps.cli.{name}")
    if isinstance(getattr(module, "app", None), typer.Typer):
        return cast(typer.Typer, module.app)
    alone = typer.Typer(add_completion=False)
    alone.command(name)(getattr(module, name))
    return alone


class Commands(TyperGroup):
    """The sub-commands whose modules are there."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, told in COMMANDS.items():
            if find_spec(f"zheton.apps.cli.{name}") is not None:
                self.add_command(Later(name, help=told))


app = typer.Typer(cls=Commands, name="zheton", add_completion=False, no_args_is_help=True)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"zheton {version('zheton')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Log everything; show where in the program a fault happened."),
    ] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_tell_version, help="Say the version."),
    ] = False,
) -> None:
    """Wearable contactless payment, self-hosted: a one-time 16-digit number for every debit."""
    context.ensure_object(Session).debug = debug
    core_dumps.forbid()
    if debug:
        loud()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line, `sys.argv` if none is given, to its exit status.

    0 done, 1 it could not be done (or nobody reads what it prints), 2 it was asked wrongly, 70 a
    fault of ours, 130 interrupted.
    """
    session = Session()
    command = typer.main.get_command(app)
    try:
        done = command.main(arguments, "zheton", standalone_mode=False, obj=session)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        return _complain(error, session)
    # typer gives a command's result or, where typer.Exit ended it, its status.
    return done if isinstance(done, int) else 0


def _complain(error: BaseException, session: Session) -> int:
    told = sentence(error, debug=session.debug, now=SystemClock().now())
    status = status_of(error)
    try:
        if told:
            print(told, file=sys.stderr)  # noqa: T201 rich would break the sentence into lines
        sys.stdout.flush()
    except OSError:
        # Nobody reads any more; Python flushes once more at exit and must find somebody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


if __name__ == "__main__":
    sys.exit(main())
