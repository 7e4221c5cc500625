-- Let the leases of a hold begin anew; also where the memory is full.
--
-- KEYS: records      ARGV: token, lease (µs)
-- Answer: how many of them the token still holds

local kept = 0
unbar(KEYS[1])
for _, record in ipairs(KEYS) do
    local f = redis.call('HMGET', record, 'h', 'v')
    if f[1] == ARGV[1] then
        redis.call('HSET', record, 'u', whole(now() + ARGV[2]))
        if not f[2] then
            fade(record, ARGV[2] / 1000 + AFTERWARDS)
        end
        kept = kept + 1
    end
end
return kept
