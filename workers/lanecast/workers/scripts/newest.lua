-- The newest entries of a stream behind a position, and how many the stream ever got, at one moment.
--
-- KEYS[1]  stream
-- ARGV[1]  id      the position; older entries are not looked at
-- ARGV[2]  count   how many at most
--
-- Returns {added, entries}, the newest first.
local added = 0
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err then
  return {0, {}}
end
for j = 1, #info, 2 do
  if info[j] == 'entries-added' then
    added = info[j + 1]
  end
end
return {added, redis.call('XREVRANGE', KEYS[1], '+', '(' .. ARGV[1], 'COUNT', ARGV[2])}
