-- For this transaction only: it waits for nobody, not even for a VACUUM FULL, and not for the disk.
SELECT
    set_config('lock_timeout', '1', true),
    set_config('statement_timeout', '1000', true),
    set_config('synchronous_commit', 'off', true)
