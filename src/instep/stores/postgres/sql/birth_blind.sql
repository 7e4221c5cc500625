-- `birth` where the role may not ask for the checkpoint: which ids are of before is not known.
INSERT INTO {life} (token, lower, upper) VALUES ($1, '0', pg_current_xact_id())
ON CONFLICT DO NOTHING
