-- Who holds keys: the transaction that marked a row last, if it still runs, or, of a key without a
-- row, the one that took the lock of `evidence`.
SELECT
    held.key,
    who.application_name::text,
    extract(epoch FROM who.xact_start)::double precision
FROM (
    SELECT records.key, locks.pid
    FROM {records}
    JOIN pg_catalog.pg_locks AS locks
        ON locks.locktype = 'transactionid' AND locks.transactionid = records.xmax
    WHERE records.key = ANY($1::bytea[]) AND locks.granted
    UNION ALL
    SELECT wanted.key, locks.pid
    FROM unnest($1::bytea[], $2::bigint[]) AS wanted (key, number)
    JOIN pg_catalog.pg_locks AS locks
        ON locks.locktype = 'advisory' AND locks.objsubid = 1 AND locks.granted
        AND (locks.classid::bigint << 32 | locks.objid::bigint) = wanted.number
) AS held
JOIN pg_catalog.pg_stat_activity AS who ON who.pid = held.pid AND who.datname = current_database()
