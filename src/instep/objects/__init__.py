"""What programs share: objects, families, counters, values, mappings, locks."""
