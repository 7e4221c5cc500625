-- Hold keys in their order, up to the first one that is busy, and load their records.
--
-- The fence grows with every hold, also over a deletion: it is never less than the server's time.
-- What a token has already is given again, so the request may be sent twice.
--
-- It works where the memory is full, too, or nothing could be deleted there: what a hold takes is
-- little, and is given back. What is written at its end may be refused.
--
-- KEYS: for each key its record and its wake list
-- ARGV: token, lease (µs), how long the caller would wait (µs), 1 if it was woken for the first key
-- Answer: how many are held; for each of them fence, data, transaction id; then, if one is busy,
-- the token of its holder and for how many µs it is worth waiting

local token, lease = ARGV[1], tonumber(ARGV[2])
local ends = whole(now() + lease)
local answer = {0}

unbar(KEYS[1])
for i = 1, #KEYS, 2 do
    local record = KEYS[i]
    local f = redis.call('HMGET', record, 'h', 'f', 'd', 't', 'x')
    local holder, fence = f[1], tonumber(f[2])
    if holder ~= token then
        local busy = held(record, holder)
        if not busy and set(holder) and string.byte(holder) == 33 then
            -- kept for somebody who was woken; a wake-up that still lies there woke nobody
            local left = tonumber(string.sub(holder, 2)) - now()
            local mine = i == 1 and ARGV[4] == '1' or left <= 0
            busy = not mine and redis.call('DEL', KEYS[i + 1]) == 0 and left
        end
        if busy then
            await(record, tonumber(ARGV[3]))
            answer[#answer + 1] = holder
            answer[#answer + 1] = math.ceil(busy)
            return answer
        end
        fence = math.max((fence or 0) + 1, now())
    end
    redis.call('HSET', record, 'h', token, 'u', ends, 'f', whole(fence))
    if not f[4] then
        fade(record, lease / 1000 + AFTERWARDS)
    end
    answer[1] = answer[1] + 1
    answer[#answer + 1] = fence
    answer[#answer + 1] = not expired(f[5]) and f[3]
    answer[#answer + 1] = f[4]
end
return answer
