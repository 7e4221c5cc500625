-- What `claim` holds, as the last commit left it; otherwise like `lock`.
SELECT key, version, txid, expires, data, pg_current_xact_id(), pg_backend_pid()
FROM {records} WHERE key = ANY($1::bytea[])
