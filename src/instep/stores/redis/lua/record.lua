-- What every script knows of a record; it is put before each of them.
--
-- A record is a hash: d data, v version, t transaction id, x expiry (seconds; empty or missing:
-- never). A hold is in the same hash: h its token (empty or missing: free; "!" and a time: kept
-- until then for a waiter who was woken), f its fence, u when its lease ends, w until when somebody
-- waits. Times are µs of the server's clock. A hash without v is no record, and always has a time
-- to live that outlasts its hold, so that what dead processes leave behind goes by itself.

local TURN = 50000         -- µs that a woken waiter has, to come before the others
local WAKE = 1000          -- ms that its wake-up lies there for it
local AFTERWARDS = 3600000 -- ms that an empty hash outlives its lease: longer than any pause
local RECEIPT = 3600000    -- ms that an answer can be asked for again

local clock

-- The time; most calls need not ask for it.
local function now()
    if not clock then
        local time = redis.call('TIME')
        clock = time[1] * 1000000 + time[2]
    end
    return clock
end

-- A whole number as text: Lua's own way of writing one loses digits.
local function whole(number)
    return string.format('%.0f', number)
end

local function set(field)
    return field and field ~= ''
end

local function expired(x)
    return set(x) and tonumber(x) * 1000000 <= now()
end

-- For how many µs a record is held by somebody, if it is.
local function held(record, token)
    if set(token) and string.byte(token) ~= 33 then
        local left = tonumber(redis.call('HGET', record, 'u') or 0) - now()
        return left >= 0 and left
    end
end

-- Let an empty hash go by itself, so many ms from now.
local function fade(record, ms)
    redis.call('PEXPIRE', record, whole(ms))
end

-- Where the memory is full, a script may not begin with a write that could need more of it; after
-- any other write it may do all (in Redis 6 too, which knows no flags for that). So what frees
-- memory, or is about to, begins with this one, which changes nothing.
local function unbar(record)
    redis.call('HDEL', record, '')
end

-- Wake the one who has waited longest, and keep the key for it. The list is empty again as soon
-- as somebody has waited: an element that is still there tells that nobody did. It works where
-- the memory is full, too: then waiters find out by themselves, within a second.
local function wake(record, list, waited)
    if set(waited) and tonumber(waited) > now() then
        if redis.call('EXISTS', list) == 0 then
            redis.pcall('LPUSH', list, '1')
            redis.call('PEXPIRE', list, WAKE)
        end
        redis.pcall('HSET', record, 'h', '!' .. whole(now() + TURN))
    end
end

-- Nothing is left of a record and its hold, but what its waiters need to be woken one by one.
local function vanish(record, list, waited)
    if set(waited) and tonumber(waited) > now() then
        redis.call('HDEL', record, 'h', 'd', 'v', 't', 'x')
        wake(record, list, waited)
        fade(record, 2 * WAKE)
    else
        redis.call('DEL', record)
    end
end

-- Somebody will wait for this key for so many µs.
local function await(record, period)
    if period > 0 then
        redis.pcall('HSET', record, 'w', whole(now() + period))
    end
end

-- Up to two records that expired a minute ago go for good, unless somebody holds them.
local function clean(index, expiry, prefix)
    local old = redis.call('ZRANGEBYSCORE', expiry, '-inf', now() / 1000000 - 60, 'LIMIT', 0, 2)
    for _, name in ipairs(old) do
        local record = prefix .. 'k:' .. name
        local f = redis.call('HMGET', record, 'h', 'x')
        if not held(record, f[1]) then
            redis.call('ZREM', expiry, name)
            if expired(f[2]) then
                redis.call('ZREM', index, name)
                redis.call('DEL', record)
            end
        end
    end
end

-- Write a record, or delete it if there is no data, and end the hold on it.
--   keys: index, expiry, receipt, records and wake lists; i: which    v, x, w: as they were
--   data: nil to delete    expires: text, "=" to leave it    version: text, empty for the next one
local function write(keys, i, v, x, w, data, txid, expires, version)
    local record = keys[i]
    local prefix = string.sub(keys[1], 1, -6)
    if not data then
        local name = string.sub(record, #prefix + 3)
        redis.call('ZREM', keys[1], name)
        redis.call('ZREM', keys[2], name)
        return vanish(record, keys[i + 1], w)
    end
    if version == '' then
        version = v and whole(v + 1) or '1'
    end
    if expires == '=' then
        expires = set(x) and not expired(x) and x or ''
    end
    if expires == '' and not set(x) then
        redis.call('HSET', record, 'd', data, 'v', version, 't', txid, 'h', '')
    else
        local name = string.sub(record, #prefix + 3)
        redis.call('HSET', record, 'd', data, 'v', version, 't', txid, 'h', '', 'x', expires)
        if expires == '' then
            redis.call('ZREM', keys[2], name)
        else
            redis.call('ZADD', keys[2], expires, name)
        end
    end
    if not v then
        redis.call('ZADD', keys[1], 0, string.sub(record, #prefix + 3))
        redis.call('PERSIST', record)
    end
    if w then
        wake(record, keys[i + 1], w)
    end
    if expires ~= '' then -- at the end, since it may clear away this very record
        clean(keys[1], keys[2], prefix)
    end
end

-- A caller's requests that write are numbered. The number of the last one that was done and what
-- came of it are kept, so that a request that is sent again because its answer was lost is not
-- done again, and one that comes late, after its successor, is not done at all.
-- Returns nothing for a new one, 'again' and the result, or 'late'.
local function seen(receipt, number)
    local last = redis.call('GET', receipt)
    if last then
        local done, result = string.match(last, '^(%d+) (.*)$')
        if tonumber(done) > tonumber(number) then
            return 'late'
        elseif done == number then
            redis.call('PEXPIRE', receipt, RECEIPT) -- a write, which WAIT waits for
            return 'again', result
        end
    end
end

local function sign(receipt, number, result)
    redis.call('SET', receipt, number .. ' ' .. result, 'PX', RECEIPT)
end
