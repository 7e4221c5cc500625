-- Write all of the changes or none, and let go of every key; if no change but deletions is among
-- them, also where the memory is full.
--
-- Every key must be held by this very hold (token and fence), and a changed one must be what was
-- loaded (its transaction id). A lease that has ended but that nobody has taken over still counts:
-- nobody else can have come in between.
--
-- KEYS: index, expiry, receipt; for each key its record and its wake list
-- ARGV: token, number of the request, transaction id; for each key: fence; "-" as it is, "w" write,
-- "d" delete; transaction id that was loaded; data; new expiry, or "=" to leave it; new version, or
-- empty for the next one; at the end 1 if it is sent again
-- Answer: 0 done; n the hold on the nth key was lost; -n the nth key is not what was loaded

local token, number = ARGV[1], ARGV[2]
local found = {}
local writes = false
local a = 4

if ARGV[#ARGV] == '1' and seen(KEYS[3], number) == 'again' then
    return 0
end
for i = 4, #KEYS, 2 do
    local f = redis.call('HMGET', KEYS[i], 'h', 'f', 't', 'v', 'x', 'w')
    if f[1] ~= token or f[2] ~= ARGV[a] then
        return (i - 2) / 2
    elseif ARGV[a + 1] ~= '-' and (f[3] or '') ~= ARGV[a + 2] then
        return (2 - i) / 2
    end
    found[i] = f
    writes = writes or ARGV[a + 1] == 'w'
    a = a + 6
end

if not writes then
    unbar(KEYS[4])
end
sign(KEYS[3], number, '')
a = 4
for i = 4, #KEYS, 2 do
    local f, what = found[i], ARGV[a + 1]
    if what ~= '-' then
        local data = what == 'w' and ARGV[a + 3]
        write(KEYS, i, f[4], f[5], f[6], data, ARGV[3], ARGV[a + 4], ARGV[a + 5])
    elseif f[4] then
        redis.call('HSET', KEYS[i], 'h', '')
        wake(KEYS[i], KEYS[i + 1], f[6])
    else
        vanish(KEYS[i], KEYS[i + 1], f[6])
    end
    a = a + 6
end
return 0
