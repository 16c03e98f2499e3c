#!lua flags=allow-oom
-- Take, keep or give back the lease of a run.
--
-- KEYS[1]  hash     lc:{RUN}:lease    owner, epoch; with a TTL
-- KEYS[2]  string   lc:{RUN}:fence    the last epoch given out
-- ARGV[1]  action   acquire | renew | release
-- ARGV[2]  owner    id of the worker
-- ARGV[3]  epoch    that the worker holds (renew, release), else 0
-- ARGV[4]  ttl_ms
--
-- Returns {epoch, owner}: the lease as it is now; epoch 0 means that nobody holds it. The caller holds it if both
-- are its own. A lease is renewed only with the epoch under which it was taken.
local action, owner, epoch, ttl_ms = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local held = redis.call('HMGET', KEYS[1], 'owner', 'epoch')
local holder, current = held[1], tonumber(held[2] or '0')

if action == 'acquire' then
  if not holder then
    current = redis.call('INCR', KEYS[2])
    redis.call('HSET', KEYS[1], 'owner', owner, 'epoch', current)
    redis.call('PEXPIRE', KEYS[1], ttl_ms)
    holder = owner
  end
elseif holder == owner and current == epoch then
  if action == 'renew' then
    redis.call('PEXPIRE', KEYS[1], ttl_ms)
  else
    redis.call('DEL', KEYS[1])
    holder, current = nil, 0
  end
end
return {current, holder or ''}
