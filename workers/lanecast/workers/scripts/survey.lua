-- What the owner of a run wants to know at once: the time, its producer's sign of life, its lease, its streams.
--
-- KEYS[1]  string   lc:{RUN}:alive
-- KEYS[2]  hash     lc:{RUN}:lease
-- KEYS[3]  hash     lc:{RUN}:checkpoint
-- KEYS[4…]          streams
--
-- Returns {now, alive, epoch, commit, {added, length, last}, …}
--   now     Unix ms of this server's clock, as text with a fraction
--   alive   the producer that obeys commands, '' if none
--   epoch   of the lease in force, 0 if none
--   commit  number of the last commit, "epoch-n", '' if there was none
--   added   how many entries the stream ever got; length: how many it has; last: the highest id it ever gave;
--           0, 0, '0-0' where there is no stream
local time = redis.call('TIME')
local answer = {
  string.format('%.3f', time[1] * 1000 + time[2] / 1000),
  redis.call('GET', KEYS[1]) or '',
  tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0'),
  redis.call('HGET', KEYS[3], 'commit') or '',
}
for i = 4, #KEYS do
  local added, length, last = 0, 0, '0-0'
  local info = redis.pcall('XINFO', 'STREAM', KEYS[i])
  if not info.err then
    for j = 1, #info, 2 do
      if info[j] == 'entries-added' then
        added = info[j + 1]
      elseif info[j] == 'length' then
        length = info[j + 1]
      elseif info[j] == 'last-generated-id' then
        last = info[j + 1]
      end
    end
  end
  answer[#answer + 1] = {added, length, last}
end
return answer
