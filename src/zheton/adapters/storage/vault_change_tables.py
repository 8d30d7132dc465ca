"""The vault's tables beside cards and numbers: who may call, what they were answered, what changed.

No debit touches them. Moments are UTC, in milliseconds since 1970.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from zheton.adapters.storage.vault_tables import metadata as metadata

requestor = Table(
    "requestor",
    metadata,
    Column("requestor", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("key_hash", String(64), nullable=False, unique=True),
)

# An answer that is kept for whoever did not get it. Until it is done, `until_ms` is when another
# process may take the request for abandoned; then, when the answer may be forgotten.
kept_answer = Table(
    "kept_answer",
    metadata,
    Column("requestor", String(32), primary_key=True),
    Column("idempotency_key", String(64), primary_key=True),
    Column("mac", String(64), nullable=False),
    Column("done", Boolean, nullable=False),
    Column("answer", Text, nullable=False, server_default=text("''")),
    Column("until_ms", BigInteger, nullable=False),
    Index("kept_until", "until_ms"),
)

# Every change of a status, for good. `ordinal` counts by bucket and requestor, in the order of the
# commits: whoever reads on from the last one misses nothing.
status_change = Table(
    "status_change",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("requestor", String(32), primary_key=True),
    Column("ordinal", BigInteger, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("subject", String(32), nullable=False),
    Column("token", String(32), nullable=False),
    Column("status_before", String(12), nullable=False),
    Column("status_after", String(12), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", String(16), nullable=False),
    Column("actor_id", String(64), nullable=False),
    Column("cause", String(24), nullable=False),
    Index("change_of_subject", "bucket", "subject", "ordinal"),
    Index("change_of_token", "bucket", "token", "ordinal"),
    sqlite_with_rowid=False,
)

change_counter = Table(
    "change_counter",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("requestor", String(32), primary_key=True),
    Column("next_ordinal", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
