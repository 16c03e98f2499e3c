#!lua flags=allow-oom,no-writes
-- What gateways have lately said of who watches a run.
--
-- KEYS[1]  stream   lc:{RUN}:demand
-- ARGV[1]  ttl_ms   how old a word may be, by the server's clock
-- ARGV[2]  limit    of entries
--
-- Returns the newest entries, newest first.
local now = redis.call('TIME')
local oldest = math.max(0, now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[1])
return redis.call('XREVRANGE', KEYS[1], '+', string.format('%.0f', oldest), 'COUNT', ARGV[2])
