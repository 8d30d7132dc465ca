"""The vault's tables. `bucket` leads every key of what a debit touches (ARCHITECTURE.md).

Moments are UTC, in milliseconds since 1970. `digest` and `issuer_authentication_data` are hex.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    text,
)

from zheton.core.token.control_sheet import SHEET_CHARACTERS_MAX

metadata = MetaData(info={"history": "vault"})

# One row: which life of the database this is (`core.token.witness`), so that a copy that was put
# back is known as one.
incarnation = Table(
    "incarnation",
    metadata,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("installation", String(32), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("mark", BigInteger, nullable=False),
    Column("marked_ms", BigInteger, nullable=False),
    Column("recovering", Boolean, nullable=False),
    Column("buckets_done", SmallInteger, nullable=False),
)

card = Table(
    "card",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("card", String(32), primary_key=True),
    Column("network", String(16), nullable=False),
    Column("region", String(2), nullable=False),
    Column("status", String(12), nullable=False),
    Column("par", String(29), nullable=False),
    Column("last4", String(4), nullable=False),
    Column("expiry", String(4), nullable=False),
    Column("sealed_pan", LargeBinary, nullable=False),
    Column("pan_key_version", SmallInteger, nullable=False),
    Column("limit_currency", String(3), nullable=False),
    Column("debit_max_minor", BigInteger, nullable=False),
    Column("day_max_minor", BigInteger, nullable=False),
    Column("debits_per_day", Integer, nullable=False),
    Column("day", Integer, nullable=False, server_default=text("0")),
    Column("day_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("day_debits", Integer, nullable=False, server_default=text("0")),
    # 0 debits: any number. `recent` is a JSON list of moments, the newest first.
    Column("velocity_debits", SmallInteger, nullable=False, server_default=text("0")),
    Column("velocity_ms", BigInteger, nullable=False, server_default=text("0")),
    Column("recent", String(512), nullable=False, server_default=text("'[]'")),
    Column("controls", String(SHEET_CHARACTERS_MAX), nullable=False, server_default=text("''")),
    Column("controls_edition", Integer, nullable=False, server_default=text("0")),
    Column("changed_ms", BigInteger, nullable=False),
    Column("held", SmallInteger, nullable=False, server_default=text("0")),
    Index("card_of_par", "par"),
    sqlite_with_rowid=False,
)

# The only way from a card number to its row: a keyed image of the number. Its bucket is that of
# the image, for the home bucket is not known before the look-up.
card_index = Table(
    "card_index",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("pan_index", LargeBinary, primary_key=True),
    Column("card_bucket", SmallInteger, nullable=False),
    Column("card", String(32), nullable=False),
    sqlite_with_rowid=False,
)

enrolment = Table(
    "enrolment",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("enrolment", String(32), primary_key=True),
    Column("card", String(32), nullable=False),
    Column("status", String(12), nullable=False),
    Column("delivery", String(80), nullable=False),
    Column("code_mac", LargeBinary, nullable=False),
    Column("code_until_ms", BigInteger, nullable=False),
    Column("tries_left", SmallInteger, nullable=False),
    Column("region", String(2), nullable=False),
    Column("expiry", String(4), nullable=False),
    Column("device", String(20), nullable=False),
    Column("app_key", String(160), nullable=False),
    Column("issuer_told", Boolean, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("requestor", String(32), nullable=False, server_default=text("''")),
    Column("held", SmallInteger, nullable=False, server_default=text("0")),
    Index("enrolment_of_card", "bucket", "card", "made_ms"),
    Index("enrolment_of_chip", "device"),
    Index("enrolment_of_requestor", "requestor", "bucket", "enrolment"),
    sqlite_with_rowid=False,
)

device = Table(
    "device",
    metadata,
    Column("device", String(32), primary_key=True),
    Column("serial", String(32), nullable=False, unique=True),
    Column("device_class", String(8), nullable=False),
    Column("requestor", String(32), nullable=False, server_default=text("''")),
    Column("status", String(12), nullable=False, server_default=text("'active'")),
    Column("held", SmallInteger, nullable=False, server_default=text("0")),
    Column("settled", Boolean, nullable=False, server_default=text("true")),
    Column("version", Integer, nullable=False, server_default=text("0")),
    Column("changed_ms", BigInteger, nullable=False, server_default=text("0")),
    Column("chip_key", LargeBinary),
)

# How many batches of a BIN each bucket has handed out; batch index = 64 * ordinal + bucket.
batch_counter = Table(
    "batch_counter",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("bin", String(8), primary_key=True),
    Column("next_ordinal", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

batch = Table(
    "batch",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("bin", String(8), primary_key=True),
    Column("batch", BigInteger, primary_key=True),
    Column("generation", SmallInteger, nullable=False),
    Column("status", String(12), nullable=False),
    Column("card", String(32), nullable=False),
    Column("enrolment", String(32), nullable=False),
    Column("device", String(32), nullable=False),
    Column("device_class", String(8), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("expiry", String(4), nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("burnt", BigInteger, nullable=False, server_default=text("0")),
    Column("given", SmallInteger, nullable=False, server_default=text("0")),
    Column("held", SmallInteger, nullable=False, server_default=text("0")),
    # The last financial event of the lease, 0 where it has had none; and when background work has
    # to look at the row next, which is never for a free one. They are two, so that a burn, which
    # writes the first, changes no index.
    Column("last_event_ms", BigInteger, nullable=False, server_default=text("0")),
    Column("due_ms", BigInteger),
    Index("batch_of_enrolment", "bucket", "enrolment"),
    Index("batch_of_device", "device", "bucket"),
    Index("batch_due", "bucket", "due_ms"),
    sqlite_with_rowid=False,
)

_FREE = text("status = 'free'")
Index("batch_free", batch.c.bucket, batch.c.bin, sqlite_where=_FREE, postgresql_where=_FREE)

# A debit that its cardholder or issuer disputes; while one is open its lease is not over.
dispute = Table(
    "dispute",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("bin", String(8), primary_key=True),
    Column("number_index", BigInteger, primary_key=True),
    Column("generation", SmallInteger, primary_key=True),
    Column("debit", String(32), nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("closed_ms", BigInteger),
    sqlite_with_rowid=False,
)

online_number = Table(
    "online_number",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("bin", String(8), primary_key=True),
    Column("number_index", BigInteger, primary_key=True),
    Column("generation", SmallInteger, primary_key=True),
    Column("limit_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("merchant", String(15), nullable=False),
    Column("codes_tried", SmallInteger, nullable=False, server_default=text("0")),
    sqlite_with_rowid=False,
)

debit = Table(
    "debit",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("repeat_key", String(80), primary_key=True),
    Column("debit", String(32), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("bin", String(8), nullable=False),
    Column("number_index", BigInteger, nullable=False),
    Column("generation", SmallInteger, nullable=False),
    Column("card", String(32), nullable=False),
    Column("par", String(29), nullable=False),
    Column("state", String(12), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("acquirer", String(11), nullable=False),
    Column("terminal", String(8), nullable=False),
    Column("merchant", String(15), nullable=False),
    Column("merchant_name", String(22), nullable=False),
    Column("country", String(2), nullable=False),
    Column("category", String(4), nullable=False),
    Column("stan", String(6), nullable=False),
    Column("transmitted", String(10), nullable=False),
    Column("retrieval_reference", String(12), nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("response_code", String(2), nullable=False),
    Column("auth_code", String(6), nullable=False),
    Column("issuer_authentication_data", String(32), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("reversal_due", Boolean, nullable=False, server_default=text("false")),
    Column("told", Boolean, nullable=False, server_default=text("false")),
    Column("advice", String(8), nullable=False, server_default=text("''")),
    Column("preauthorised", Boolean, nullable=False),
    Column("completed", Boolean, nullable=False, server_default=text("false")),
    Column("changed_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("refunded_minor", BigInteger, nullable=False, server_default=text("0")),
    Column("under_way", String(32), nullable=False, server_default=text("''")),
    Column("edition", Integer, nullable=False, server_default=text("0")),
    sqlite_with_rowid=False,
)

# What was approved for an issuer that could not be asked, by card and UTC day. The day is in the
# key: debits of two days are counted in any order around midnight, each for its own.
stand_in = Table(
    "stand_in",
    metadata,
    Column("bucket", SmallInteger, primary_key=True),
    Column("card", String(32), primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("currency", String(3), primary_key=True),
    Column("minor", BigInteger, nullable=False),
    Column("debits", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# What background work looks for is rare among the lines; each index has the words of its query.
_SETTLING, _SCRUBBING = text("NOT settled"), text("status = 'deleted'")
Index("device_settling", device.c.device, sqlite_where=_SETTLING, postgresql_where=_SETTLING)
Index("card_deleted", card.c.bucket, sqlite_where=_SCRUBBING, postgresql_where=_SCRUBBING)
# They are looked for in all buckets at once, the oldest first.
_REVERSAL_DUE, _PENDING = text("reversal_due"), text("state = 'pending'")
_UNTOLD = text("NOT told AND state NOT IN ('pending', 'blocked')")
Index(
    "debit_reversal_due",
    debit.c.received_ms,
    sqlite_where=_REVERSAL_DUE,
    postgresql_where=_REVERSAL_DUE,
)
Index("debit_untold", debit.c.received_ms, sqlite_where=_UNTOLD, postgresql_where=_UNTOLD)
_ADVICE_DUE = text("advice IN ('due', 'sent')")
Index(
    "debit_advice_due",
    debit.c.received_ms,
    sqlite_where=_ADVICE_DUE,
    postgresql_where=_ADVICE_DUE,
)
Index("debit_pending", debit.c.received_ms, sqlite_where=_PENDING, postgresql_where=_PENDING)
Index("debit_of_number", debit.c.bucket, debit.c.bin, debit.c.number_index)
