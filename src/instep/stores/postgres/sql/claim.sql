-- Hold keys in the order in which they are given, rows or not. A new row excludes others before it
-- is committed; one that is there is locked before the condition is looked at.
INSERT INTO {records} (key, name, version, txid, expires, data)
SELECT wanted.key, wanted.name, 0, 0, 0, ''
FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS wanted (key, name, place)
ORDER BY place
ON CONFLICT (key) DO UPDATE SET version = excluded.version WHERE false
