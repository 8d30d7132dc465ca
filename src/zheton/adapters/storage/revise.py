"""For developers: write the next revision of each history whose tables differ from its newest one.

`python -m zheton.adapters.storage.revise "what changes"`. Read what it wrote: it does not see that
a column was renamed, nor what has to happen to rows. Then set HEADS in `migration`.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from zheton.adapters.storage.database import Database
from zheton.adapters.storage.migration import FOLDER, HEADS, scripts, upgrade, version_table

TABLES = {
    "acquirer": "acquirer_tables:METADATA",
    "audit": "audit_tables:metadata",
    "clearing": "clearing:METADATA",
    "issuer": "issuer:METADATA",
    "receipt": "receipt:metadata",
    "vault": "vault_follow_up_tables:metadata",
    "wallet": "wallet:METADATA",
}
_PAGE = '''"""{title}"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {before!r}


def upgrade() -> None:
    """Forwards."""
    {upgrade}


def downgrade() -> None:
    """Backwards."""
    {downgrade}
'''


def tables(history: str) -> MetaData:
    """The tables of a history as they have to be."""
    module, name = TABLES[history].split(":")
    found: MetaData = getattr(import_module(f"zheton.adapters.storage.{module}"), name)
    return found


def differences(history: str) -> Any:
    """What Alembic sees missing between the newest revision of a history and its tables."""
    database = Database("sqlite://")
    with database.transaction() as connection:
        if any(scripts(history).walk_revisions()):
            upgrade(connection, history)
        options = {"compare_server_default": True, "version_table": version_table(history)}
        context = MigrationContext.configure(connection, opts=options)
        return produce_migrations(context, tables(history))


def write(history: str, title: str) -> Path | None:
    """The file of the next revision; None where nothing differs."""
    found = differences(history)
    if found.upgrade_ops.is_empty():
        return None
    before = scripts(history).get_current_head()
    revision = f"{int(before or 0) + 1:04d}"
    path = FOLDER / history / f"{revision}.py"
    path.write_text(
        _PAGE.format(
            title=title,
            revision=revision,
            before=before,
            upgrade=render_python_code(found.upgrade_ops),
            downgrade=render_python_code(found.downgrade_ops),
        )
    )
    return path


if __name__ == "__main__":
    for name in HEADS:
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
        if (written := write(name, sys.argv[1])) is not None:
            sys.stdout.write(f"{written}\n")
