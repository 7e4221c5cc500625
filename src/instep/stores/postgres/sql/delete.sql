DELETE FROM {records} WHERE key = $1
