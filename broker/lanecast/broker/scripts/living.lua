-- The workers or gateways that have given a sign of life lately; changes nothing.
--
-- KEYS[1]  zset     lc:workers or lc:gateways    id -> time of the last heartbeat, Unix ms of this server's clock
-- ARGV[1]  ttl_ms   after which a silent one counts as gone
local time = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[1]), '+inf')
