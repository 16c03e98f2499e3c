#!lua flags=allow-oom
-- Register a run: a set's member, which a server without memory left takes, too, so that control can begin.
--
-- KEYS[1]  set   lc:runs
-- ARGV[1]  RUN
--
-- Returns 1 if it is new, else 0
return redis.call('SADD', KEYS[1], ARGV[1])
