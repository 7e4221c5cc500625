SELECT version, txid, expires, data FROM {records} WHERE key = $1
