SELECT schema_version::bigint, to_regclass('{records}_expires') IS NOT NULL FROM {meta}
