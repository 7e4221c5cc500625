-- Some of what expired longest ago. What somebody holds is passed over, and its key is looked for
-- once, whatever the planner makes of the rest. Without the index (an older release made the table,
-- and the role may not make one) every row would be read: then nothing is done.
DELETE FROM {records}
WHERE key = ANY(ARRAY(
    SELECT key FROM {records}
    WHERE to_regclass('{records}_expires') IS NOT NULL AND expires > 0 AND expires <= $1
    ORDER BY expires LIMIT $2
    FOR UPDATE SKIP LOCKED
))
