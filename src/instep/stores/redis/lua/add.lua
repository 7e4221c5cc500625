-- Add to a whole number in hexadecimal digits, if it is one of this kind and within 2^53.
--
-- ARGV, after those of update.lua: byte of kind, amount, what the number is where there is none

local WHOLE = 9007199254740992 -- beyond it a Lua number has gaps
local total = tonumber(ARGV[8])
if old then
    local kind, minus, digits = string.match(old, '^(.)(%-?)(%x+)$')
    if kind ~= ARGV[6] or #digits > 13 then
        return {2}
    end
    total = tonumber(digits, 16)
    if minus == '-' then
        total = -total
    end
end
total = total + tonumber(ARGV[7])
if math.abs(total) >= WHOLE then
    return {2}
end
local text = string.format(total < 0 and '-%x' or '%x', math.abs(total))
return done(ARGV[6] .. text, whole(total))
