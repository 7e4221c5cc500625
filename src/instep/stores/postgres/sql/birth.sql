-- The first to come after a crash: recovery ends with a checkpoint, which says what id is the next.
INSERT INTO {life} (token, lower, upper)
SELECT
    $1,
    (split_part(next_xid, ':', 1)::bigint * 4294967296 + split_part(next_xid, ':', 2)::bigint)
        ::text::xid8,
    pg_current_xact_id()
FROM pg_control_checkpoint()
ON CONFLICT DO NOTHING
