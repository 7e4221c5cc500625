SELECT schema_version::bigint FROM {meta}
