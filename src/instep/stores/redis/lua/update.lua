-- What all updates begin with; it is put before each of them. A held key is left alone.
--
-- KEYS: index, expiry, receipt, record, wake list
-- ARGV: number of the request, transaction id, how long the caller would wait (µs), new expiry, or
-- "=" to leave it, new version, or empty for the next one; then what the update itself needs
-- Answer: 0 busy, for how many µs it is worth waiting; 1 done, the result; 2 something else is
-- there; 3 done before, the result; 4 too late

local number = ARGV[1]
local order, result = seen(KEYS[3], number)
if order then
    return order == 'again' and {3, result} or {4}
end
local f = redis.call('HMGET', KEYS[4], 'h', 'd', 'v', 'x', 'w')
local busy = held(KEYS[4], f[1])
if busy then
    await(KEYS[4], tonumber(ARGV[3]))
    return {0, busy}
end
local old = not expired(f[4]) and f[2]

-- Write, and answer with the result; a deletion also where the memory is full.
local function done(data, result)
    if not data then
        unbar(KEYS[4])
    end
    sign(KEYS[3], number, result)
    write(KEYS, 4, f[3], f[4], f[5], data, ARGV[2], ARGV[4], ARGV[5])
    return {1, result}
end
