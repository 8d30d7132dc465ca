"""The tables of the wallet's database. Moments are UTC, in microseconds since 1970."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

METADATA = MetaData(info={"history": "wallet"})
USERS = Table(
    "users",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_us", BigInteger, nullable=False),
)
DEVICES = Table(
    "devices",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("owner", String(32), nullable=False, index=True),
    Column("serial", String(20), nullable=False, unique=True),
    Column("profile", String(32), nullable=False),
    Column("device_class", String(8), nullable=False),
    Column("registered_us", BigInteger, nullable=False),
    Column("resets", Integer, nullable=False, server_default=text("0")),
)
CARDS = Table(
    "cards",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("owner", String(32), nullable=False, index=True),
    Column("title", String(64), nullable=False),
    Column("region", String(2), nullable=False),
    Column("token", String(32), nullable=False, unique=True),
    Column("status", String(12), nullable=False),
    Column("network", String(16), nullable=False),
    Column("last4", String(4), nullable=False),
    Column("expiry", String(4), nullable=False),
    Column("par", String(29), nullable=False),
    Column("delivery", String(80), nullable=False),
    Column("added_us", BigInteger, nullable=False),
)
COMMITS = Table(
    "commits",
    METADATA,
    Column("device", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("card", String(32), nullable=False),
    Column("counter", Integer, nullable=False),
    Column("commands", Text, nullable=False),
    Column("numbers", Integer, nullable=False),
    Column("state", String(12), nullable=False),
    Column("made_us", BigInteger, nullable=False),
)
NOTICES = Table(
    "notices",
    METADATA,
    Column("debit", String(64), primary_key=True),
    Column("token", String(32), nullable=False),
    Column("card", String(32), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("merchant_name", String(40), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("held_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("state", String(12), nullable=False),
    Column("edition", Integer, nullable=False),
    Column("response_code", String(2), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("number_last4", String(4), nullable=False),
    Index("notices_of_card", "card", "at_us"),
)
