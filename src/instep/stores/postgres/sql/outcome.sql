SELECT pg_xact_status($1::xid8), token, lower, upper FROM {life}
