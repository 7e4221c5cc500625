-- Let go of what a token holds; also where the memory is full, so nothing here asks for more.
--
-- KEYS: for each key its record and its wake list      ARGV: token
-- Answer: how many it held

local freed = 0
for i = 1, #KEYS, 2 do
    local f = redis.call('HMGET', KEYS[i], 'h', 'v', 'w')
    if f[1] == ARGV[1] then
        if f[2] then
            redis.call('HDEL', KEYS[i], 'h')
            wake(KEYS[i], KEYS[i + 1], f[3])
        else
            vanish(KEYS[i], KEYS[i + 1], f[3])
        end
        freed = freed + 1
    end
end
return freed
