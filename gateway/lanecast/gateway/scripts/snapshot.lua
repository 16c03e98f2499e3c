-- A run's info and its critical output stream, at one moment: how viewers are let in and come back.
--
-- KEYS[1]  string   lc:{RUN}:info
-- KEYS[2]  stream   lc:{RUN}:out:critical
-- ARGV[1]  count    how many entries of a range at most
-- ARGV[2…] ids      from which ranges are wanted, the entry of that id included
--
-- Returns {info, last, entries, …}: info as text, '' if there is none; last the id of the stream's last entry, '' if
-- there is none; then the entries from each id on, oldest first.
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
local answer = {redis.call('GET', KEYS[1]) or '', newest[1] and newest[1][1] or ''}
for i = 2, #ARGV do
  answer[#answer + 1] = redis.call('XRANGE', KEYS[2], ARGV[i], '+', 'COUNT', ARGV[1])
end
return answer
