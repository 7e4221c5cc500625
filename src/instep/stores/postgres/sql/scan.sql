-- The clock is the client's, as it is for a read: who set the expiry went by such a clock.
SELECT coalesce(name, key), version, txid, expires, data
FROM {records}
WHERE key >= $1 AND key > $2 AND key < $3
    AND (expires = 0 OR expires > $4)
    AND substr(coalesce(name, key), 1, length($5::bytea)) = $5
ORDER BY key LIMIT $6
