"""The statements of the hot path in PostgreSQL's words: one array a column in, rows that won out.

Their names and the order of their entries are those of `vault_sqlite`. PostgreSQL does not lock in
the order of its input, so each first locks its rows in the order of their keys (`held`): two groups
never wait for each other crosswise. The conditions stand in the UPDATE itself, which looks at them
again where it had to wait. The caller sees to it that no two entries of a list join the same row.
"""


def _asked(columns: str) -> str:
    """The entries as rows, from `name type` for each column."""
    pairs = [column.split() for column in columns.split(", ")]
    arrays = ", ".join(f"%(c{i})b::{kind}[]" for i, (_, kind) in enumerate(pairs))
    return f"unnest({arrays}) AS j({', '.join(name for name, _ in pairs)})"


def _held(table: str, columns: str, key: str) -> str:
    """The entries, and the keys of the rows that they are for, locked in their order."""
    order = ", ".join(f"t.{name}" for name in key.split(", "))
    return (
        f"WITH j AS MATERIALIZED (SELECT * FROM {_asked(columns)}),\n"  # noqa: S608 names of ours
        f"held AS MATERIALIZED (SELECT {order} FROM {table} AS t JOIN j USING ({key})\n"
        f"ORDER BY {order} FOR UPDATE OF t)\n"
    )


LEASES = f"""
SELECT j.asked_index,
       b.bucket, b.bin, b.batch, b.generation, b.status, b.card, b.enrolment, b.device,
       b.device_class, b.channel, b.key_version, b.expiry, b.until_ms, b.burnt, b.held,
       c.network, c.region, c.status AS card_status, c.held AS card_held, c.par, c.last4,
       c.expiry AS card_expiry, c.sealed_pan, c.pan_key_version, c.limit_currency,
       c.debit_max_minor, c.day_max_minor, c.debits_per_day, c.velocity_debits, c.velocity_ms,
       c.controls, c.controls_edition,
       o.limit_minor, o.currency, o.expires_ms, o.merchant, o.codes_tried
FROM {_asked("asked_index bigint, bucket smallint, bin text, batch bigint")}
JOIN batch AS b ON b.bucket = j.bucket AND b.bin = j.bin AND b.batch = j.batch
JOIN card AS c ON c.bucket = b.bucket AND c.card = b.card
LEFT JOIN online_number AS o
  ON o.bucket = b.bucket AND o.bin = b.bin AND o.number_index = j.asked_index
 AND o.generation = b.generation
WHERE b.status <> 'free'
"""  # noqa: S608

_BURN = "bucket smallint, bin text, batch bigint, generation smallint, mask bigint, at_ms bigint"
BURN = f"""{_held("batch", _BURN, "bucket, bin, batch")}
UPDATE batch
SET burnt = batch.burnt | j.mask, last_event_ms = greatest(batch.last_event_ms, j.at_ms),
    due_ms = CASE WHEN batch.burnt | j.mask = -1 THEN 0 ELSE batch.due_ms END,
    status = CASE WHEN batch.burnt | j.mask = -1 THEN 'spent' ELSE 'active' END
FROM j JOIN held USING (bucket, bin, batch)
WHERE batch.bucket = j.bucket AND batch.bin = j.bin AND batch.batch = j.batch
  AND batch.generation = j.generation
  AND batch.burnt & j.mask = 0
  AND batch.status IN ('offered', 'provisioned', 'active')
RETURNING batch.bin, batch.batch
"""  # noqa: S608

_TOUCH = "bucket smallint, bin text, batch bigint, generation smallint, at_ms bigint"
TOUCH = f"""{_held("batch", _TOUCH, "bucket, bin, batch")}
UPDATE batch SET last_event_ms = greatest(batch.last_event_ms, j.at_ms)
FROM j JOIN held USING (bucket, bin, batch)
WHERE batch.bucket = j.bucket AND batch.bin = j.bin AND batch.batch = j.batch
  AND batch.generation = j.generation AND batch.status <> 'free'
RETURNING batch.bin, batch.batch
"""  # noqa: S608

_SPEND = "bucket smallint, card text, day integer, minor bigint, moment bigint"
SPEND = f"""{_held("card", _SPEND, "bucket, card")}
UPDATE card
SET day = greatest(card.day, j.day),
    day_minor = j.minor + CASE WHEN card.day >= j.day THEN card.day_minor ELSE 0 END,
    day_debits = 1 + CASE WHEN card.day >= j.day THEN card.day_debits ELSE 0 END,
    recent = CASE WHEN card.velocity_debits = 0 THEN card.recent
      ELSE ((jsonb_build_array(j.moment) || card.recent::jsonb) - 32)::text END
FROM j JOIN held USING (bucket, card)
WHERE card.bucket = j.bucket AND card.card = j.card
  AND card.status = 'active'
  AND j.minor + CASE WHEN card.day >= j.day THEN card.day_minor ELSE 0 END <= card.day_max_minor
  AND CASE WHEN card.day >= j.day THEN card.day_debits ELSE 0 END < card.debits_per_day
  AND (card.velocity_debits = 0
    OR COALESCE((card.recent::jsonb ->> (card.velocity_debits - 1))::bigint, 0)
      <= j.moment - card.velocity_ms)
RETURNING card.card
"""  # noqa: S608

_BIND = "number_index bigint, bucket smallint, bin text, generation smallint, merchant text"
BIND_SHOP = f"""{_held("online_number", _BIND, "bucket, bin, number_index, generation")}
UPDATE online_number
SET merchant = j.merchant
FROM j JOIN held USING (bucket, bin, number_index, generation)
WHERE online_number.bucket = j.bucket AND online_number.bin = j.bin
  AND online_number.number_index = j.number_index
  AND online_number.generation = j.generation
  AND online_number.merchant IN ('', j.merchant)
RETURNING online_number.bin, online_number.number_index
"""  # noqa: S608

_FINISH = (
    "bucket smallint, repeat_key text, state text, response_code text, auth_code text, "
    "issuer_authentication_data text, reason text"
)
FINISH = f"""{_held("debit", _FINISH, "bucket, repeat_key")}
UPDATE debit
SET state = j.state, response_code = j.response_code, auth_code = j.auth_code,
    issuer_authentication_data = j.issuer_authentication_data, reason = j.reason
FROM j JOIN held USING (bucket, repeat_key)
WHERE debit.bucket = j.bucket AND debit.repeat_key = j.repeat_key
  AND debit.state = 'pending'
RETURNING debit.debit
"""  # noqa: S608

_COUNT = (
    "bucket smallint, card text, day integer, currency text, minor bigint, day_max bigint, "
    "debits_max integer"
)
OPEN_STAND_IN = f"""
INSERT INTO stand_in (bucket, card, day, currency, minor, debits)
SELECT bucket, card, day, currency, 0, 0 FROM {_asked(_COUNT)}
ORDER BY bucket, card, day, currency
ON CONFLICT (bucket, card, day, currency) DO NOTHING
RETURNING card
"""  # noqa: S608
COUNT_STAND_IN = f"""{_held("stand_in", _COUNT, "bucket, card, day, currency")}
UPDATE stand_in
SET minor = stand_in.minor + j.minor, debits = stand_in.debits + 1
FROM j JOIN held USING (bucket, card, day, currency)
WHERE stand_in.bucket = j.bucket AND stand_in.card = j.card
  AND stand_in.day = j.day AND stand_in.currency = j.currency
  AND stand_in.minor + j.minor <= j.day_max
  AND stand_in.debits < j.debits_max
RETURNING stand_in.card, stand_in.currency
"""  # noqa: S608

_STAND_IN = (
    "bucket smallint, repeat_key text, response_code text, auth_code text, "
    "issuer_authentication_data text"
)
STAND_IN = f"""{_held("debit", _STAND_IN, "bucket, repeat_key")}
UPDATE debit
SET state = 'approved', response_code = j.response_code, auth_code = j.auth_code,
    issuer_authentication_data = j.issuer_authentication_data, reason = '', advice = 'due'
FROM j JOIN held USING (bucket, repeat_key)
WHERE debit.bucket = j.bucket AND debit.repeat_key = j.repeat_key
  AND debit.state = 'timed-out'
RETURNING debit.debit
"""  # noqa: S608

SEEN = f"""
SELECT d.* FROM {_asked("bucket smallint, repeat_key text")}
JOIN debit AS d ON d.bucket = j.bucket AND d.repeat_key = j.repeat_key
"""  # noqa: S608

_LINE = (
    "bucket smallint, repeat_key text, debit text, digest text, bin text, number_index bigint, "
    "generation smallint, card text, par text, state text, amount_minor bigint, currency text, "
    "acquirer text, terminal text, merchant text, merchant_name text, country text, "
    "category text, stan text, transmitted text, retrieval_reference text, received_ms bigint, "
    "response_code text, auth_code text, issuer_authentication_data text, reason text, "
    "preauthorised boolean"
)
_NAMES = ", ".join(column.split()[0] for column in _LINE.split(", "))
APPEND = f"""
INSERT INTO debit ({_NAMES})
SELECT {_NAMES} FROM {_asked(_LINE)} ORDER BY bucket, repeat_key
ON CONFLICT (bucket, repeat_key) DO NOTHING
RETURNING repeat_key
"""  # noqa: S608
