#!lua flags=allow-oom
-- A producer's sign of life; taken, too, by a server without memory left.
--
-- KEYS[1]  string   lc:{RUN}:alive
-- ARGV[1]  producer
-- ARGV[2]  ttl_ms   after which the producer counts as gone
return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
