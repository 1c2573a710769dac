/**
 * An entry that was given before and may have been written, where keys that exist are kept: what stands there may be the entry itself. Scripts
 * that write it only where nothing stands there, and tell an equal value (of the same server's making, so DUMP gives the same bytes) from somebody else's.
 * KEYS[1] is the entry's key, ARGV[1] a key of Naru's own in its slot; a time to live may have been counted from another moment.
 */
const SAME = `
local function same(a, b)
  local left, right = redis.call('PTTL', a), redis.call('PTTL', b)
  if (left < 0) ~= (right < 0) or math.abs(left - right) > 1000 then return false end
  return redis.call('DUMP', a) == redis.call('DUMP', b)
end
`;

/** `EVAL script 1 key part` and the arguments of RESTORE behind its key. Answers as RESTORE does, and OK where the value is there already. */
export const RESTORE_AGAIN: string = `${SAME}
if redis.call('EXISTS', KEYS[1]) == 0 then return redis.call('RESTORE', KEYS[1], unpack(ARGV, 2)) end
redis.call('DEL', ARGV[1])
redis.call('RESTORE', ARGV[1], unpack(ARGV, 2))
local ours = redis.call('EXISTS', ARGV[1]) == 0 or same(KEYS[1], ARGV[1])
redis.call('DEL', ARGV[1])
if ours then return redis.status_reply('OK') end
return redis.error_reply('BUSYKEY Target key name already exists.')`;

/** `EVAL script 1 key part`. Answers as RENAMENX part key does, and 1 where the value is there already. */
export const RENAME_AGAIN: string = `${SAME}
if redis.call('EXISTS', ARGV[1]) == 0 then return redis.error_reply('ERR no such key') end
if same(KEYS[1], ARGV[1]) then return 1 end
return redis.call('RENAMENX', ARGV[1], KEYS[1])`;
