#!lua flags=allow-oom
-- Begin an epoch of a producer; taken, too, by a server without memory left.
--
-- KEYS[1]  hash     lc:{RUN}:producers    producer -> newest epoch
-- ARGV[1]  producer
-- ARGV[2]  by       how far the new epoch is above the newest: 1, or more if the server may have forgotten some
--
-- Returns the new epoch
return redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
