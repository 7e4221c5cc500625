SELECT token, pg_backend_pid() FROM {life}
