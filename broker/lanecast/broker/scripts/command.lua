#!lua flags=allow-oom
-- Send a command to the producer of a run, once, however often it is asked for.
--
-- KEYS[1]  string   lc:{RUN}:cmd:COMMAND_ID    empty while under way, then the result as JSON
-- KEYS[2]  stream   lc:{RUN}:ctl
-- KEYS[3]  string   lc:{RUN}:alive             there while a producer obeys
-- ARGV[1]  keep_s   how long the command and its result are remembered
-- ARGV[2]  limit    length the stream is trimmed to
-- ARGV[3…] field, value, … of the entry
--
-- Returns {status, text}
--   sent     it is on its way
--   known    it was sent before; text is its result, empty while under way
--   nobody   no producer of this run obeys commands now; nothing was sent
local known = redis.call('GET', KEYS[1])
if known then
  return {'known', known}
end
if redis.call('EXISTS', KEYS[3]) == 0 then
  return {'nobody', ''}
end
redis.call('SET', KEYS[1], '', 'EX', ARGV[1])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[2], '*', unpack(ARGV, 3))
return {'sent', ''}
