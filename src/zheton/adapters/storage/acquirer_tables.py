"""The acquirer's tables: sales, what followed them, counters.

Moments are text in ISO 8601 of one fixed width, so that they sort as they follow.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, MetaData, String, Table

METADATA = MetaData(info={"history": "acquirer"})

CHANGING = (
    Column("status", String(16), nullable=False),
    Column("response_code", String(2), nullable=False),
    Column("auth_code", String(6), nullable=False),
    Column("par", String(29), nullable=False),
    Column("cause", String(16), nullable=False),
    Column("reversal_stan", String(6), nullable=False),
    Column("reversal_transmitted", String(10), nullable=False),
    Column("file_id", String(25), nullable=False),
    Column("completed", Boolean, nullable=False),
    Column("changed_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("under_way", String(32), nullable=False),
)
SALES = Table(
    "sales",
    METADATA,
    Column("rrn", String(12), primary_key=True),
    Column("stan", String(6), nullable=False),
    Column("transmitted", String(10), nullable=False),
    Column("sent_at", String(32), nullable=False),
    Column("acquirer_id", String(11), nullable=False),
    Column("terminal", String(8), nullable=False),
    Column("merchant", String(15), nullable=False),
    Column("merchant_name", String(22), nullable=False),
    Column("city", String(13), nullable=False),
    Column("country", String(3), nullable=False),
    Column("category_code", String(4), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("number", String(19), nullable=False),
    Column("expiry", String(4), nullable=False),
    Column("local_time", String(19), nullable=False),
    Column("preauthorised", Boolean, nullable=False),
    *CHANGING,
    Index("sales_by_status", "status", "sent_at"),
    Index("sales_by_file", "file_id"),
)
COUNTERS = Table(
    "counters",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
FOLLOW_UPS_CHANGING = (
    Column("status", String(16), nullable=False),
    Column("response_code", String(2), nullable=False),
    Column("auth_code", String(6), nullable=False),
    Column("cause", String(16), nullable=False),
    Column("reversal_stan", String(6), nullable=False),
    Column("reversal_transmitted", String(10), nullable=False),
    Column("file_id", String(25), nullable=False),
)
FOLLOW_UPS = Table(
    "follow_ups",
    METADATA,
    Column("rrn", String(12), primary_key=True),
    Column("reference", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("message_rrn", String(12), nullable=False),
    Column("held_minor", BigInteger, nullable=False),
    Column("stan", String(6), nullable=False),
    Column("transmitted", String(10), nullable=False),
    Column("sent_at", String(32), nullable=False),
    Column("local_time", String(19), nullable=False),
    *FOLLOW_UPS_CHANGING,
    Index("follow_ups_by_status", "status", "sent_at"),
    Index("follow_ups_by_file", "kind", "file_id"),
)
