#!lua flags=allow-oom
-- Say that a worker or a gateway is alive, and learn who else is.
--
-- KEYS[1]  zset     lc:workers or lc:gateways    id -> time of the last heartbeat, Unix ms of this server's clock
-- ARGV[1]  id       of the caller
-- ARGV[2]  ttl_ms   after which a silent one counts as gone; 0: the caller leaves
--
-- Returns the ids that are alive, the caller's among them unless it leaves.
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl_ms = tonumber(ARGV[2])
if ttl_ms == 0 then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], now_ms, ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now_ms - ttl_ms)
end
return redis.call('ZRANGE', KEYS[1], 0, -1)
