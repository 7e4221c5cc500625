-- Hold a row and load it, with the limits of `limits`, which come before the lock. The transaction's
-- id, and the life of the server that it is of (`life`, read once for each of its processes), tell
-- what became of it should the answer to its commit be lost.
SELECT version, txid, expires, data, pg_current_xact_id(), pg_backend_pid()
FROM
    {records},
    (
        SELECT
            set_config('lock_timeout', $2, true),
            set_config('statement_timeout', '0', true),
            set_config('idle_in_transaction_session_timeout', $3, true)
    ) AS limits
WHERE key = $1
FOR UPDATE OF records
