"""The tables of the detokenisation log, in the vault's database, so that one commit holds both.

`audit_head` and `audit_card` say where the chains of buckets and of cards end. `audit_entry` is
only ever inserted into; a card's entries are found backwards from its end by `card_before`, so
that no index has to be kept for them. Ids are stored as their 16 bytes.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
)

metadata = MetaData(info={"history": "audit"})

audit_head = Table(
    "audit_head",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("entries", BigInteger, nullable=False),
    Column("head", LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)

audit_card = Table(
    "audit_card",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("card", LargeBinary(16), primary_key=True),
    Column("entries", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("head", LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("card", LargeBinary(16), nullable=False),
    Column("card_seq", BigInteger, nullable=False),
    Column("card_before", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", String(40), nullable=False),
    Column("purpose", String(16), nullable=False),
    Column("reference", LargeBinary(16), nullable=False),
    Column("bin", String(8), nullable=False),
    Column("number_index", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)
