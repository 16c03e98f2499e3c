#!lua flags=allow-oom,no-writes
-- The clock of the server that a key is on.
--
-- KEYS[1]  any      tells the server, in a Cluster
--
-- Returns Unix milliseconds, with a fraction, as a string.
local now = redis.call('TIME')
return string.format('%.3f', tonumber(now[1]) * 1000 + tonumber(now[2]) / 1000)
