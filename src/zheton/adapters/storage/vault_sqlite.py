"""The statements of the hot path in SQLite's words: one JSON list in, the rows that won out.

Each changes rows under a condition and returns those it changed; a group's rows come as one
JSON array, so that the text of a statement is always the same and stays compiled. The caller
sees to it that no two entries of a list join the same row.
"""

LEASES = """
SELECT j.value ->> 0 AS asked_index,
       b.bucket, b.bin, b.batch, b.generation, b.status, b.card, b.enrolment, b.device,
       b.device_class, b.channel, b.key_version, b.expiry, b.until_ms, b.burnt, b.held,
       c.network, c.region, c.status AS card_status, c.held AS card_held, c.par, c.last4,
       c.expiry AS card_expiry, c.sealed_pan, c.pan_key_version, c.limit_currency,
       c.debit_max_minor, c.day_max_minor, c.debits_per_day, c.velocity_debits, c.velocity_ms,
       c.controls, c.controls_edition,
       o.limit_minor, o.currency, o.expires_ms, o.merchant, o.codes_tried
FROM json_each(:entries) AS j
JOIN batch AS b ON b.bucket = j.value ->> 1 AND b.bin = j.value ->> 2 AND b.batch = j.value ->> 3
JOIN card AS c ON c.bucket = b.bucket AND c.card = b.card
LEFT JOIN online_number AS o
  ON o.bucket = b.bucket AND o.bin = b.bin AND o.number_index = j.value ->> 0
 AND o.generation = b.generation
WHERE b.status <> 'free'
"""

# Entries: bucket, bin, batch, generation, mask, moment. All 64 bits set make it spent.
BURN = """
UPDATE batch
SET burnt = burnt | (j.value ->> 4), last_event_ms = max(last_event_ms, j.value ->> 5),
    due_ms = CASE WHEN burnt | (j.value ->> 4) = -1 THEN 0 ELSE due_ms END,
    status = CASE WHEN burnt | (j.value ->> 4) = -1 THEN 'spent' ELSE 'active' END
FROM json_each(:entries) AS j
WHERE batch.bucket = j.value ->> 0 AND batch.bin = j.value ->> 1 AND batch.batch = j.value ->> 2
  AND batch.generation = j.value ->> 3
  AND batch.burnt & (j.value ->> 4) = 0
  AND batch.status IN ('offered', 'provisioned', 'active')
RETURNING batch.bin, batch.batch
"""

# Entries: bucket, bin, batch, generation, moment.
TOUCH = """
UPDATE batch SET last_event_ms = max(last_event_ms, j.value ->> 4)
FROM json_each(:entries) AS j
WHERE batch.bucket = j.value ->> 0 AND batch.bin = j.value ->> 1 AND batch.batch = j.value ->> 2
  AND batch.generation = j.value ->> 3 AND batch.status <> 'free'
RETURNING batch.bin, batch.batch
"""

# Entries: bucket, card, day, minor units, moment. A card with a velocity keeps its last 32 moments.
# The card's day never goes back: a process whose clock is behind counts on the later day.
SPEND = """
UPDATE card
SET day = max(day, j.value ->> 2),
    day_minor = (j.value ->> 3) + CASE WHEN day >= j.value ->> 2 THEN day_minor ELSE 0 END,
    day_debits = 1 + CASE WHEN day >= j.value ->> 2 THEN day_debits ELSE 0 END,
    recent = CASE WHEN velocity_debits = 0 THEN recent
      WHEN recent = '[]' THEN json_array(j.value ->> 4)
      ELSE json_remove('[' || (j.value ->> 4) || ',' || substr(recent, 2), '$[32]') END
FROM json_each(:entries) AS j
WHERE card.bucket = j.value ->> 0 AND card.card = j.value ->> 1
  AND card.status = 'active'
  AND (j.value ->> 3) + CASE WHEN card.day >= j.value ->> 2 THEN card.day_minor ELSE 0 END
      <= card.day_max_minor
  AND CASE WHEN card.day >= j.value ->> 2 THEN card.day_debits ELSE 0 END < card.debits_per_day
  AND (card.velocity_debits = 0
    OR COALESCE(card.recent ->> (card.velocity_debits - 1), 0)
      <= (j.value ->> 4) - card.velocity_ms)
RETURNING card.card
"""

# Entries: index, bucket, bin, generation, merchant.
BIND_SHOP = """
UPDATE online_number
SET merchant = j.value ->> 4
FROM json_each(:entries) AS j
WHERE online_number.bucket = j.value ->> 1 AND online_number.bin = j.value ->> 2
  AND online_number.number_index = j.value ->> 0
  AND online_number.generation = j.value ->> 3
  AND online_number.merchant IN ('', j.value ->> 4)
RETURNING online_number.bin, online_number.number_index
"""

# Entries: bucket, repeat key, state, response code, auth code, tag 91 in hex, reason.
FINISH = """
UPDATE debit
SET state = j.value ->> 2, response_code = j.value ->> 3, auth_code = j.value ->> 4,
    issuer_authentication_data = j.value ->> 5, reason = j.value ->> 6
FROM json_each(:entries) AS j
WHERE debit.bucket = j.value ->> 0 AND debit.repeat_key = j.value ->> 1
  AND debit.state = 'pending'
RETURNING debit.debit
"""

# Entries: bucket, card, day, currency, minor units, the most in a day, debits a day. Two
# statements: a counter that is not there yet is made at zero, then the condition counts.
OPEN_STAND_IN = """
INSERT INTO stand_in (bucket, card, day, currency, minor, debits)
SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, 0, 0
FROM json_each(:entries) AS j WHERE true
ON CONFLICT (bucket, card, day, currency) DO NOTHING
RETURNING card
"""
COUNT_STAND_IN = """
UPDATE stand_in
SET minor = minor + (j.value ->> 4), debits = debits + 1
FROM json_each(:entries) AS j
WHERE stand_in.bucket = j.value ->> 0 AND stand_in.card = j.value ->> 1
  AND stand_in.day = j.value ->> 2 AND stand_in.currency = j.value ->> 3
  AND stand_in.minor + (j.value ->> 4) <= j.value ->> 5
  AND stand_in.debits < j.value ->> 6
RETURNING stand_in.card, stand_in.currency
"""

# Entries: bucket, repeat key, response code, auth code, tag 91 in hex.
STAND_IN = """
UPDATE debit
SET state = 'approved', response_code = j.value ->> 2, auth_code = j.value ->> 3,
    issuer_authentication_data = j.value ->> 4, reason = '', advice = 'due'
FROM json_each(:entries) AS j
WHERE debit.bucket = j.value ->> 0 AND debit.repeat_key = j.value ->> 1
  AND debit.state = 'timed-out'
RETURNING debit.debit
"""

# Entries: bucket, repeat key.
SEEN = """
SELECT d.* FROM json_each(:entries) AS j
JOIN debit AS d ON d.bucket = j.value ->> 0 AND d.repeat_key = j.value ->> 1
"""

OF_NUMBER = """
SELECT d.* FROM debit AS d
JOIN batch AS b ON b.bucket = d.bucket AND b.bin = d.bin AND b.batch = d.number_index / 64
WHERE d.bucket = :bucket AND d.bin = :bin AND d.number_index = :index
  AND b.generation = d.generation AND b.status <> 'free'
ORDER BY d.received_ms
"""

UNTOLD = """
SELECT d.*, b.enrolment FROM debit AS d
JOIN batch AS b ON b.bucket = d.bucket AND b.bin = d.bin AND b.batch = d.number_index / 64
WHERE NOT d.told AND d.state NOT IN ('pending', 'blocked') AND b.generation = d.generation
ORDER BY d.received_ms LIMIT :count
"""

# Every column of `debit` by name; a line that is there already stays as it is.
APPEND = """
INSERT INTO debit (bucket, repeat_key, debit, digest, bin, number_index, generation, card, par,
  state, amount_minor, currency, acquirer, terminal, merchant, merchant_name, country, category,
  stan, transmitted, retrieval_reference, received_ms, response_code, auth_code,
  issuer_authentication_data, reason, preauthorised)
SELECT j.value ->> 0, j.value ->> 1, j.value ->> 2, j.value ->> 3, j.value ->> 4,
  j.value ->> 5, j.value ->> 6, j.value ->> 7, j.value ->> 8, j.value ->> 9, j.value ->> 10,
  j.value ->> 11, j.value ->> 12, j.value ->> 13, j.value ->> 14, j.value ->> 15, j.value ->> 16,
  j.value ->> 17, j.value ->> 18, j.value ->> 19, j.value ->> 20, j.value ->> 21, j.value ->> 22,
  j.value ->> 23, j.value ->> 24, j.value ->> 25, j.value ->> 26
FROM json_each(:entries) AS j WHERE true
ON CONFLICT (bucket, repeat_key) DO NOTHING
RETURNING repeat_key
"""

# The highest index that would be handed out has to lie below the end, also the first time.
TAKE_BLOCK = """
INSERT INTO batch_counter (bucket, bin, next_ordinal)
SELECT :bucket, :bin, :count WHERE (:count - 1) * 64 + :bucket < :end
ON CONFLICT (bucket, bin) DO UPDATE SET next_ordinal = batch_counter.next_ordinal + :count
WHERE (batch_counter.next_ordinal + :count - 1) * 64 + :bucket < :end
RETURNING next_ordinal - :count
"""

TAKE_PLACE = """
UPDATE batch SET given = given + 1
WHERE (bucket, bin, batch) = (
  SELECT bucket, bin, batch FROM batch
  WHERE bucket = :bucket AND enrolment = :enrolment AND channel = 'online'
    AND status IN ('offered', 'active') AND given < 64 AND until_ms > :now
  ORDER BY bin, batch LIMIT 1)
  AND status IN ('offered', 'active') AND given < 64
RETURNING *
"""
