-- A version that is not the one that was loaded gives NULL, which the column refuses: then nothing
-- of the transaction is written.
UPDATE {records}
SET version = CASE WHEN version = $2::bigint THEN $3::bigint END,
    txid = $4, expires = $5, data = $6
WHERE key = $1
