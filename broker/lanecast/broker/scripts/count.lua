-- Count the entries of a stream behind a position, exactly, without sending them.
--
-- KEYS[1]  stream
-- ARGV[1]  id       the position; entries after it are counted
-- ARGV[2]  limit    where counting stops
--
-- Returns {n, id of the first entry counted or ''}; n = limit means at least so many.
local from, limit = '(' .. ARGV[1], tonumber(ARGV[2])
local n, first = 0, ''
while n < limit do
  local chunk = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', math.min(256, limit - n))
  if #chunk == 0 then
    break
  end
  if n == 0 then
    first = chunk[1][1]
  end
  n = n + #chunk
  from = '(' .. chunk[#chunk][1]
end
return {n, first}
