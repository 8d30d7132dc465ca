"""The vault's table of what named a debit after it (`roles.network.follow_up`), beside the debits.

It has the debit's bucket. A debit's own row says what they come to.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    SmallInteger,
    String,
    Table,
    text,
)

from zheton.adapters.storage.vault_change_tables import metadata as metadata

follow_up = Table(
    "follow_up",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("repeat_key", String(80), primary_key=True),
    Column("follow_up", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("bin", String(8), nullable=False),
    Column("number_index", BigInteger, nullable=False),
    Column("generation", SmallInteger, nullable=False),
    Column("debit", String(32), nullable=False),
    Column("debit_key", String(80), nullable=False),
    Column("card", String(32), nullable=False),
    Column("par", String(29), nullable=False),
    Column("state", String(12), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("rest_minor", BigInteger, nullable=False),
    Column("acquirer", String(11), nullable=False),
    Column("terminal", String(8), nullable=False),
    Column("merchant", String(15), nullable=False),
    Column("stan", String(6), nullable=False),
    Column("transmitted", String(10), nullable=False),
    Column("retrieval_reference", String(12), nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("response_code", String(2), nullable=False),
    Column("auth_code", String(6), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("issuer_due", Boolean, nullable=False, server_default=text("false")),
    sqlite_with_rowid=False,
)

_DUE, _PENDING = text("issuer_due"), text("state = 'pending'")
Index("follow_up_due", follow_up.c.received_ms, sqlite_where=_DUE, postgresql_where=_DUE)
Index(
    "follow_up_pending",
    follow_up.c.received_ms,
    sqlite_where=_PENDING,
    postgresql_where=_PENDING,
)
Index("follow_up_of_number", follow_up.c.bucket, follow_up.c.bin, follow_up.c.number_index)
