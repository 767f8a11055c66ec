-- Put a reply in place of the one that the key had. ARGV: the reply, empty for none, and its time to live in
-- milliseconds.
if ARGV[1] == '' then
  return redis.call('DEL', KEYS[1])
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
