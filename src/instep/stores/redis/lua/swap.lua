-- Write what was made of a record, if it is still that very record.
--
-- ARGV, after those of update.lua: the transaction id that was read, or empty; "w" to write or
-- "d" to delete; data
-- Answer 2 has the record that is there now: data, version, transaction id, expiry

local txid = redis.call('HGET', KEYS[4], 't')
if (txid or '') ~= ARGV[6] then
    return {2, f[2], f[3], txid, f[4]}
end
return done(ARGV[7] == 'w' and ARGV[8], '')
