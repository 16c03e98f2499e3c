#!lua flags=allow-oom
-- Everything that one step of a run's owner changes, at once or not at all.
--
-- KEYS[1]  hash     lc:{RUN}:lease         the lease that must be held
-- KEYS[2]  hash     lc:{RUN}:checkpoint    its field `commit` is the number of the last commit, "epoch-n"
-- KEYS[3…]          the keys that the commands touch, all of the same run
-- ARGV[1]  epoch    of the lease that the caller holds
-- ARGV[2]  n        number of this commit in the epoch, rising
-- ARGV[3…]          the commands: number of words, then the words; repeated
--
-- Returns {status, …}
--   ok         all commands were run; then, for each that failed, its position (from 1) and its error
--   duplicate  this commit was made already (its answer was lost)
--   fenced     the lease is not the caller's; {status, epoch in force}; nothing was done
local epoch, n = tonumber(ARGV[1]), tonumber(ARGV[2])
local current = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if current ~= epoch then
  return {'fenced', current}
end
local id = string.format('%d-%d', epoch, n)
local last = redis.call('HGET', KEYS[2], 'commit')
if last then
  local dash = string.find(last, '-', 1, true)
  if tonumber(string.sub(last, 1, dash - 1)) == epoch and tonumber(string.sub(last, dash + 1)) >= n then
    return {'duplicate'}
  end
end
redis.call('HSET', KEYS[2], 'commit', id)

local answer = {'ok'}
local i, position = 3, 1
while i <= #ARGV do
  local words = tonumber(ARGV[i])
  local reply = redis.pcall(unpack(ARGV, i + 1, i + words))
  if type(reply) == 'table' and reply.err then
    answer[#answer + 1] = position
    answer[#answer + 1] = reply.err
  end
  i = i + 1 + words
  position = position + 1
end
return answer
