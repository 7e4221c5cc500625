-- A new row shows nobody who holds it until it is committed. This lock does; nothing rests on it.
SELECT pg_try_advisory_xact_lock(number) FROM unnest($1::bigint[]) AS number
