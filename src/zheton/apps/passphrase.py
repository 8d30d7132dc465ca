"""The passphrase of the keys: from a file, the environment, or somebody at a terminal."""

import getpass
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from zheton.core.errors import ConfigurationError

VARIABLE = "ZHETON_PASSPHRASE"


@dataclass(frozen=True, slots=True)
class AskedPassphrase:
    """The passphrase in `file`, else in the environment's `variable`, else typed if it is needed.

    A key file's passphrase, or the PIN of the token that the keys are in.
    """

    file: Path | None = None
    variable: str = VARIABLE
    prompt: str = "Passphrase of the keys: "
    option: str = "--passphrase-file"

    def given(self) -> str | None:
        """The passphrase, if it is in a file or the environment; nobody is asked."""
        if self.file is None:
            return os.environ.get(self.variable) or None
        try:
            if self.file.stat().st_mode & 0o077:
                raise ConfigurationError(
                    f"{self.file} can be read by others; run: chmod 600 {self.file}"
                )
            return self.file.read_text().rstrip("\r\n")
        except OSError as error:
            raise ConfigurationError(
                f"The passphrase file {self.file} can't be read: {error.strerror}."
            ) from error

    def ask(self) -> str:
        """The passphrase; ConfigurationError if it was not given and nobody can be asked."""
        passphrase = self.given()
        if passphrase is not None:
            return passphrase
        if not sys.stdin.isatty():
            raise ConfigurationError(
                f"The keys are sealed, and nobody is here to ask: set {self.variable}, "
                f"or name a file with {self.option}."
            )
        return getpass.getpass(self.prompt)

    def ask_twice(self) -> str:
        """A new passphrase, typed the same twice unless it was given."""
        passphrase = self.ask()
        if self.given() is None and getpass.getpass("The same again: ") != passphrase:
            raise ConfigurationError("The two are not the same; nothing was changed.")
        return passphrase
