-- Replace the data, unless what is there is of another kind.
--
-- ARGV, after those of update.lua: data, whose first byte is its kind

if old and string.byte(old) ~= string.byte(ARGV[6]) then
    return {2}
end
return done(ARGV[6], '')
