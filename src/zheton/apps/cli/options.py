"""Options that several sub-commands share: where an installation lies, and how it is opened."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Option("--data", help="The folder of keys and databases.")]
DatabaseUrl = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="ZHETON_DATABASE",
        show_envvar=True,
        help="Where the tables lie instead of --data: postgresql://user@host/name, or sqlite.",
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="A file with the passphrase or PIN of sealed keys; else ZHETON_PASSPHRASE, or asked.",
    ),
]
