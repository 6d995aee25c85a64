-- The newest event of one task, and the order of its events.
-- KEYS: the event, the signs of life (a sorted set: task id by microseconds)
-- ARGV: command, task id, retention in seconds, then
--   put    run, state, body     an event, to be accepted or refused
--   beat   run                  a sign of life
--   stall  version, limit       mark as stalled if silent for `limit` microseconds
--   lose   version, limit, body the outcome of a run that is silent for so long
-- Answers {1, text of what was stored} when done (for a beat that changed nothing, an empty
-- text), {0, text of what stands} when refused; empty where nothing does. `events.py` writes the same head, `memory.py` is the twin.

local command, task_id, retention = ARGV[1], ARGV[2], ARGV[3]
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local HEAD = '^{"type":"progress","version":(%d+),"run":(%d+),"stalled":(%a+),()"state":"(%u+)"'

local text = redis.pcall('GET', KEYS[1])
if type(text) ~= 'string' then text = '' end  -- nothing, or no string
local version, run, stalled, body_at, state = string.match(text, HEAD)
local ours = version and tonumber(version) < 9007199254740992  -- 2^53: it could not rise further
if not ours then text, version, run = '', 0, 0 end  -- nothing, or nothing of ours
version, run, stalled = tonumber(version), tonumber(run), stalled == 'true'
local running = state == 'STARTED' or state == 'PROGRESS'

local function write(new_run, is_stalled, body)
  version = math.max(now, version + 1)
  text = string.format('{"type":"progress","version":%.0f,"run":%.0f,"stalled":%s,%s',
    version, new_run or version, tostring(is_stalled), body)
  redis.call('SET', KEYS[1], text, 'EX', retention)
  return {1, text}
end

local function put(its_run, its_state, body)
  local accepted
  if text == '' then
    accepted = true
  elseif state == 'SUCCESS' or its_state == 'PENDING' then
    accepted = false  -- success stays; waiting is only the first thing known of a task
  elseif its_run == 0 or its_run > run then
    accepted = true   -- a new run, or one that an emptied Redis forgot
  elseif its_run < run then
    accepted = its_state == 'SUCCESS'  -- a run that another has taken over
  else
    accepted = running or state == 'PENDING'  -- the first outcome of a run wins
  end
  if not accepted then return {0, text} end
  if its_state == 'STARTED' or its_state == 'PROGRESS' then
    redis.call('ZADD', KEYS[2], now, task_id)
  else
    redis.call('ZREM', KEYS[2], task_id)
  end
  if its_state == 'PENDING' then its_run = 0 elseif its_run == 0 then its_run = nil end
  return write(its_run and math.max(its_run, run), false, body)
end

local function beat(its_run)
  if text == '' or its_run ~= run or not running then return {0, text} end
  redis.call('ZADD', KEYS[2], now, task_id)
  redis.call('EXPIRE', KEYS[1], retention)
  if stalled then return write(run, false, string.sub(text, body_at)) end
  return {1, ''}
end

local function is_silent(its_version, limit)
  local seen = tonumber(redis.call('ZSCORE', KEYS[2], task_id) or version)
  return its_version == version and running and now - seen > limit
end

local function stall(its_version, limit)
  if stalled or not is_silent(its_version, limit) then return {0, text} end
  return write(run, true, string.sub(text, body_at))
end

local function lose(its_version, limit, body)
  if not is_silent(its_version, limit) then return {0, text} end
  redis.call('ZREM', KEYS[2], task_id)
  return write(run, false, body)
end

if command == 'put' then return put(tonumber(ARGV[4]), ARGV[5], ARGV[6]) end
if command == 'beat' then return beat(tonumber(ARGV[4])) end
if command == 'stall' then return stall(tonumber(ARGV[4]), tonumber(ARGV[5])) end
return lose(tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6])
