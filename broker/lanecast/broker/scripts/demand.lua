#!lua flags=allow-oom
-- Say that a tier is watched; also while the server has no memory left, or viewers would see nothing.
--
-- KEYS[1]  stream   lc:{RUN}:demand
-- ARGV[1]  limit    length the stream is trimmed to
-- ARGV[2…] field, value, … of the entry
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 2))
