"""What the command line says when something goes wrong: one sentence, and a status for scripts.

Whatever is said may have been typed or read from a card, so runs of digits as long as a card number
are masked in it. Faults of our own leave an incident in a file: kind and place, never values.
"""

import errno
import os
import re
import traceback
import uuid
from datetime import datetime
from pathlib import Path
from typing import cast

import typer

from zheton.core.errors import ZhetonError

FAILED, USAGE, FAULT, INTERRUPTED = 1, 2, 70, 130
CAUSES_MAX = 10
_CARD_NUMBER = re.compile(r"(?:[0-9][ -]?){11,}[0-9]")

# typer carries click inside it and names one of its errors; UsageError and ClickException are the
# parents of that one.
_USAGE_ERROR, _CLI_ERROR = cast("list[type[Exception]]", typer.BadParameter.mro()[1:3])


def masked(text: str) -> str:
    """A text without anything that could be a card number.

    >>> masked("No such command '5413 3300-89020011'.")
    "No such command '****'."
    """
    return _CARD_NUMBER.sub("****", text)


def status_of(error: BaseException) -> int:
    """The exit status of a process that ended by this error (sysexits: 70 is a fault of ours)."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, _USAGE_ERROR):
        return USAGE
    return FAILED if _is_known(error) else FAULT


def sentence(error: BaseException, *, debug: bool, now: datetime) -> str:
    """What to print on stderr; nothing for an interruption and a reader that went away."""
    if isinstance(error, KeyboardInterrupt) or _is_broken_pipe(error):
        return ""
    if isinstance(error, typer.Abort):
        return "zheton: nothing was entered, so nothing was done."
    if isinstance(error, _CLI_ERROR):
        return _of_usage(error)
    if isinstance(error, OSError) and error.filename is not None:
        return masked(f"zheton: {error.filename} can't be used ({error.strerror}).")
    if isinstance(error, ZhetonError):
        return masked(f"zheton: {' '.join(str(error).split())}")
    return _of_fault(error, debug=debug, now=now)


def incident_file() -> Path:
    """Where faults are noted (XDG base directories: state that survives, but matters to nobody)."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "zheton" / "incidents.log"


def _is_known(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.filename is not None or _is_broken_pipe(error)
    return isinstance(error, ZhetonError | typer.Abort | _CLI_ERROR)


def _is_broken_pipe(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _of_usage(error: Exception) -> str:
    """The framework's own words; the help itself where it has none but the help."""
    told = getattr(error, "format_message", error.__str__)()
    context = getattr(error, "ctx", None)
    where = f" See {context.command_path} --help." if context is not None else ""
    stop = "" if told.endswith((".", "!", "?")) else "."
    return masked(f"zheton: {told}{stop}{where}") if told else ""


def _of_fault(error: BaseException, *, debug: bool, now: datetime) -> str:
    incident = uuid.uuid4().hex[:12]
    account = _account(error)
    try:
        where = f"see {_note(f'{now.isoformat()} incident {incident}', account)}"
    except OSError as unwritten:
        where = f"the log could not be written ({unwritten.strerror}); try again with --debug"
    told = f"zheton: something went wrong inside Zheton; incident {incident}, {where}."
    return f"{account}{told}" if debug else told


def _note(title: str, account: str) -> Path:
    path = incident_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(0o600)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{title}\n{account}")
    return path


def _account(error: BaseException) -> str:
    """The kinds of an error and its causes, and where they happened; their texts quote values."""
    parts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(parts) < CAUSES_MAX:
        frames = "".join(traceback.format_tb(cause.__traceback__))
        parts.append(f"{type(cause).__name__}\n{frames}")
        cause = cause.__cause__ or cause.__context__
    return "".join(parts)
