-- One camera picture in the qualities that somebody watches, under the lease of the run's owner.
--
-- KEYS[1]  hash     lc:{RUN}:lease       the lease that must be held
-- KEYS[2]  hash     lc:{RUN}:cameras     camera -> what is known of it, as JSON
-- KEYS[3…] stream   lc:{RUN}:img:TIER    one for each picture
-- ARGV[1]  epoch    of the lease that the caller holds
-- ARGV[2]  kept     about as many pictures stay in a stream
-- ARGV[3]  camera
-- ARGV[4]  known    JSON; empty: as it was
-- ARGV[5]  gone     a camera to be forgotten; empty: none
-- ARGV[6…]          for each picture: entry id, pub_ms, data
--
-- Returns {status, epoch in force}: ok, or fenced and nothing was done.
--
-- Pictures are bulk: a server without memory left refuses them (there is no `allow-oom` here), and where a stream is ahead
-- of the owner's ids, because the server came back with less than it had, the stream begins anew.
local current = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if current ~= tonumber(ARGV[1]) then
  return {'fenced', current}
end
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
end
if ARGV[5] ~= '' then
  redis.call('HDEL', KEYS[2], ARGV[5])
end
for i = 3, #KEYS do
  local at = 6 + (i - 3) * 3
  local add = {'XADD', KEYS[i], 'MAXLEN', '~', ARGV[2], ARGV[at], 'camera', ARGV[3], 'pub_ms', ARGV[at + 1], 'data', ARGV[at + 2]}
  local reply = redis.pcall(unpack(add))
  if type(reply) == 'table' and reply.err then
    redis.call('DEL', KEYS[i])
    redis.call(unpack(add))
  end
end
return {'ok', current}
