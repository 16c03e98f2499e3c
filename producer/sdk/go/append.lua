-- Append messages of one producer to one lane, each exactly once and in order.
--
-- KEYS[1]  stream   lc:{RUN}:in:LANE
-- KEYS[2]  hash     lc:{RUN}:producers    producer -> newest epoch
-- KEYS[3]  hash     lc:{RUN}:seq          "producer:lane" -> "epoch:seq" of the last message appended
-- ARGV[1]  producer
-- ARGV[2]  epoch    of the producer, from HINCRBY on KEYS[2]
-- ARGV[3]  lane
-- ARGV[4]  limit    entries in the stream past which nothing is appended; 0 means none
-- ARGV[5]  seq      of the first message; the others follow by one
-- ARGV[6…] kind, enc, t_ms ('': none), data of each message
--
-- Returns {status, n}
--   ok      n = seq of the last message now appended; messages that were there already are skipped
--   gap     n = the seq expected; nothing was appended, go back to it. 1: the server may have lost all that it had
--   full    n = seq of the last message appended; send the rest later
--   fenced  n = the newest epoch; a younger producer of this name exists, stop
local producer, epoch, lane = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local limit, seq = tonumber(ARGV[4]), tonumber(ARGV[5])

local newest = tonumber(redis.call('HGET', KEYS[2], producer) or '0')
if newest > epoch then
  return {'fenced', newest}
end
if newest < epoch then
  -- The server has lost the registration (it came back empty, or the run was deleted): the producer in hand is the newest
  -- we know, and should it begin a new epoch, that is above this one. What it had appended is lost as well: unless it begins
  -- with the first message, it is told below to go back to it.
  redis.call('HSET', KEYS[2], producer, epoch)
end

local field = producer .. ':' .. lane
local last = 0
local stored = redis.call('HGET', KEYS[3], field)
if stored then
  local colon = string.find(stored, ':', 1, true)
  if tonumber(string.sub(stored, 1, colon - 1)) == epoch then
    last = tonumber(string.sub(stored, colon + 1))
  end
end
if seq > last + 1 then
  return {'gap', last + 1}
end

local room = limit > 0 and limit - redis.call('XLEN', KEYS[1]) or math.huge
local status = 'ok'
for i = 6, #ARGV, 4 do
  if seq > last then
    if room <= 0 then
      status = 'full'
      break
    end
    local fields = {'kind', ARGV[i], 'enc', ARGV[i + 1], 'data', ARGV[i + 3], 'producer', producer, 'epoch', epoch, 'seq', seq}
    if ARGV[i + 2] ~= '' then
      fields[13], fields[14] = 't_ms', ARGV[i + 2]
    end
    redis.call('XADD', KEYS[1], '*', unpack(fields))
    last = seq
    room = room - 1
  end
  seq = seq + 1
end
redis.call('HSET', KEYS[3], field, string.format('%d:%d', epoch, last))
return {status, last}
