-- A session whose client is gone may not have noticed; its transaction is decided when it ends.
SELECT pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
WHERE backend_xid = ($1::xid8)::xid AND pid <> pg_backend_pid()
