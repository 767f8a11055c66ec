-- One step for one Idempotency-Key, a hash of `owner`, `fingerprint` and, when the call is over, `answer`.
-- ARGV: step, owner, milliseconds, then the fingerprint (claim) or the answer (keep).
local key, step, owner, time = KEYS[1], ARGV[1], ARGV[2], ARGV[3]

if step == 'claim' then
  local found = redis.call('HMGET', key, 'fingerprint', 'answer')
  if found[1] then
    return found
  end
  redis.call('HSET', key, 'owner', owner, 'fingerprint', ARGV[4])
  redis.call('PEXPIRE', key, time)
  return {ARGV[4], false, owner}
end

-- What an owner says counts only while the claim is its own.
local current = redis.call('HMGET', key, 'owner', 'answer')
if current[1] ~= owner or current[2] then
  return 0
end
if step == 'renew' then
  redis.call('PEXPIRE', key, time)
elseif step == 'keep' then
  redis.call('HSET', key, 'answer', ARGV[4])
  redis.call('PEXPIRE', key, time)
else
  redis.call('DEL', key)
end
return 1
