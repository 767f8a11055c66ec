-- A reply and the milliseconds that are left of its time to live, in one look: the age of a reply follows from them,
-- in the server's time.
return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}
