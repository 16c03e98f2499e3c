-- Measure a run at one moment: the server's time and memory, and how far each reader of each stream is behind.
--
-- KEYS[1]  hash     lc:{RUN}:checkpoint
-- KEYS[2…] streams
-- ARGV[1]  limit    entries that are looked at in each direction from a position that lies inside a stream
-- ARGV[2…] for each stream the field of KEYS[1] that holds its worker's committed position, '' for an output
--
-- Returns {now, used, max, refused, stream, …}; it changes nothing.
--   now      Unix ms of this server's clock, as text with a fraction
--   used     bytes that count towards max (maxmemory; 0: there is none)
--   refused  how many commands this server has ever refused for want of memory
--   stream   {} where there is none, else {length, first, first_ms, last, reader, …}: first is the id of the oldest entry
--            ('' if it is empty), first_ms the time in its field pub_ms or out_ms ('' without), last the highest id ever
--   reader   {name, position, after, after_all, before, before_all, oldest, oldest_ms}: entries behind the position and
--            up to it, and whether (1) these are all; both 0, 0 where the position is not inside the stream. oldest is the
--            first entry behind the position. A worker whose group is missing stands where its checkpoint says.
local CHUNK = 32
local limit = tonumber(ARGV[1])

local function pairs_of(list)
  local map = {}
  for i = 1, #list, 2 do
    map[list[i]] = list[i + 1]
  end
  return map
end

local function ms_of(entry)
  local fields = pairs_of(entry[2])
  return fields['pub_ms'] or fields['out_ms'] or ''
end

local function less(a, b)
  local a_ms, a_n = string.match(a, '^(%d+)%-(%d+)$')
  local b_ms, b_n = string.match(b, '^(%d+)%-(%d+)$')
  if a_ms ~= b_ms then
    return tonumber(a_ms) < tonumber(b_ms)
  end
  return tonumber(a_n) < tonumber(b_n)
end

-- Walks both ways at once: whichever end is nearer ends it.
local function walk(key, name, position)
  local after, before, oldest = 0, 0, nil
  local up, down = '(' .. position, position
  while after < limit do
    local chunk = redis.call('XRANGE', key, up, '+', 'COUNT', CHUNK)
    oldest = oldest or chunk[1]
    after = after + #chunk
    local after_all = #chunk < CHUNK
    local before_all = false
    if not after_all then
      up = '(' .. chunk[#chunk][1]
      chunk = redis.call('XREVRANGE', key, down, '-', 'COUNT', CHUNK)
      before = before + #chunk
      before_all = #chunk < CHUNK
      if not before_all then
        down = '(' .. chunk[#chunk][1]
      end
    end
    if after_all or before_all then
      return {name, position, after, after_all and 1 or 0, before, before_all and 1 or 0, oldest and oldest[1] or '', oldest and ms_of(oldest) or ''}
    end
  end
  return {name, position, after, 0, before, 0, oldest[1], ms_of(oldest)}
end

local function stream(key, field)
  local reply = redis.pcall('XINFO', 'STREAM', key)
  if reply.err then
    return {}
  end
  local info = pairs_of(reply)
  local first, last = info['first-entry'] or nil, info['last-generated-id']
  local found = {info['length'], first and first[1] or '', first and ms_of(first) or '', last}
  local readers, worker = {}, false
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    local about = pairs_of(group)
    readers[#readers + 1] = {about['name'], about['last-delivered-id']}
    worker = worker or about['name'] == 'workers'
  end
  if field ~= '' and not worker then
    readers[#readers + 1] = {'workers', redis.call('HGET', KEYS[1], field) or '0-0'}
  end
  for _, reader in ipairs(readers) do
    local name, position = reader[1], reader[2]
    if first and not less(position, first[1]) and less(position, last) then
      found[#found + 1] = walk(key, name, position)
    else
      found[#found + 1] = {name, position, 0, 0, 0, 0, '', ''}
    end
  end
  return found
end

local time = redis.call('TIME')
local memory = redis.call('INFO', 'memory')
local function figure(name)
  return tonumber(string.match(memory, '\n' .. name .. ':(%d+)') or '0')
end
local errors = redis.call('INFO', 'errorstats')
local answer = {
  string.format('%.3f', time[1] * 1000 + time[2] / 1000),
  math.max(0, figure('used_memory') - figure('mem_not_counted_for_evict')),
  figure('maxmemory'),
  tonumber(string.match(errors, 'errorstat_OOM:count=(%d+)') or '0'),
}
for i = 2, #KEYS do
  answer[#answer + 1] = stream(KEYS[i], ARGV[i])
end
return answer
