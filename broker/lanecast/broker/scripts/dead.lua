-- Take messages out of a run's dead letters: back onto their lanes, or away for good.
--
-- KEYS[1]   stream   lc:{RUN}:dead
-- KEYS[2…5] streams  lc:{RUN}:in:LANE, in the order of ARGV[3…6]
-- ARGV[1]   action   requeue | drop
-- ARGV[2]   lossless limits, one for each lane, separated by commas: entries past which nothing is appended; a limit
--           below 0 is the length that its lane is trimmed to
-- ARGV[3…6] names of the lanes
-- ARGV[7…]  ids in KEYS[1]
--
-- Returns a status for each id
--   done     it is on its lane again (or dropped), and no dead letter any more
--   missing  there is no such dead letter (any more)
--   cut      only a part of the message was kept; it can be dropped, not requeued
--   full     its lane is full; try again later
--   unknown  it names no lane
--
-- What is appended are the fields that the message had, and requeued, its first id on the lane. On a lossless lane epoch
-- and seq are left out: their numbers count as taken, and the message would be dropped as a duplicate.
local limits = {}
for limit in string.gmatch(ARGV[2], '[^,]+') do
  limits[#limits + 1] = tonumber(limit)
end
local lanes = {}
for i = 1, 4 do
  lanes[ARGV[2 + i]] = {key = KEYS[1 + i], limit = limits[i]}
end

local function requeue(words)
  local about, fields = {}, {}
  for i = 1, #words, 2 do
    local name = string.match(words[i], '^field:(.*)$')
    if name then
      fields[#fields + 1] = {name, words[i + 1]}
    else
      about[words[i]] = words[i + 1]
    end
  end
  local lane = lanes[about['lane'] or '']
  if not lane then
    return 'unknown'
  end
  if about['cut'] or #fields == 0 then
    return 'cut'
  end
  local lossless = lane.limit >= 0
  if lossless and redis.call('XLEN', lane.key) >= lane.limit then
    return 'full'
  end
  local entry = {}
  for _, field in ipairs(fields) do
    local numbered = field[1] == 'epoch' or field[1] == 'seq'
    if field[1] ~= 'requeued' and not (lossless and numbered) then
      entry[#entry + 1] = field[1]
      entry[#entry + 1] = field[2]
    end
  end
  entry[#entry + 1] = 'requeued'
  entry[#entry + 1] = about['id'] or ''
  if lossless then
    redis.call('XADD', lane.key, '*', unpack(entry))
  else
    redis.call('XADD', lane.key, 'MAXLEN', '~', -lane.limit, '*', unpack(entry))
  end
  return 'done'
end

local answer = {}
for i = 7, #ARGV do
  local found = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
  local status = 'missing'
  if found then
    status = ARGV[1] == 'requeue' and requeue(found[2]) or 'done'
    if status == 'done' then
      redis.call('XDEL', KEYS[1], ARGV[i])
    end
  end
  answer[#answer + 1] = status
end
return answer
