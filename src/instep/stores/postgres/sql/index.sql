-- Finds what has expired (`forget`). Rows that never expire are not in it, and rows that keep their
-- expiry do not touch it.
CREATE INDEX IF NOT EXISTS records_expires ON {records} (expires) WHERE expires > 0
