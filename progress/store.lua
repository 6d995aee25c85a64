-- The newest events of some tasks, and the order of each task's events.
-- KEYS: the signs of life (a sorted set: task id by microseconds), then each task's event
-- ARGV: command, retention in seconds, then for each task
--   put    task id, run, state, body      an event, to be accepted or refused
--   beat   task id, run                   a sign of life
--   stall  task id, version, limit        mark as stalled if silent for `limit` microseconds
--   lose   task id, version, limit, body  the outcome of a run that is silent for so long
-- Answers for each {1, text of what was stored} when done (for a beat that changed nothing, an
-- empty text; for a put, {1, version, run}), {0, text of what stands} when refused; empty where
-- nothing does. `events.py` writes the same head, `memory.py` is the twin.

local command, retention, alive = ARGV[1], ARGV[2], KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local HEAD = '^{"type":"progress","version":(%d+),"run":(%d+),"stalled":(%a+),()"state":"(%u+)"'

-- The task that is looked at, and what stands for it.
local key, task_id, text, version, run, stalled, body_at, state, running

local function look(its_key, its_id)
  key, task_id, text = its_key, its_id, redis.pcall('GET', its_key)
  if type(text) ~= 'string' then text = '' end  -- nothing, or no string
  version, run, stalled, body_at, state = string.match(text, HEAD)
  local ours = version and tonumber(version) < 9007199254740992  -- 2^53: it could not rise further
  if not ours then text, version, run = '', 0, 0 end  -- nothing, or nothing of ours
  version, run, stalled = tonumber(version), tonumber(run), stalled == 'true'
  running = state == 'STARTED' or state == 'PROGRESS'
end

local function write(new_run, is_stalled, body)
  version = math.max(now, version + 1)
  run = new_run or version
  text = string.format('{"type":"progress","version":%.0f,"run":%.0f,"stalled":%s,%s',
    version, run, tostring(is_stalled), body)
  redis.call('SET', key, text, 'EX', retention)
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
    redis.call('ZADD', alive, now, task_id)
  else
    redis.call('ZREM', alive, task_id)
  end
  if its_state == 'PENDING' then its_run = 0 elseif its_run == 0 then its_run = nil end
  write(its_run and math.max(its_run, run), false, body)
  return {1, version, run}
end

local function beat(its_run)
  if text == '' or its_run ~= run or not running then return {0, text} end
  redis.call('ZADD', alive, now, task_id)
  redis.call('EXPIRE', key, retention)
  if stalled then return write(run, false, string.sub(text, body_at)) end
  return {1, ''}
end

local function is_silent(its_version, limit)
  local seen = tonumber(redis.call('ZSCORE', alive, task_id) or version)
  return its_version == version and running and now - seen > limit
end

local function stall(its_version, limit)
  if stalled or not is_silent(its_version, limit) then return {0, text} end
  return write(run, true, string.sub(text, body_at))
end

local function lose(its_version, limit, body)
  if not is_silent(its_version, limit) then return {0, text} end
  redis.call('ZREM', alive, task_id)
  return write(run, false, body)
end

local answers, at = {}, 3
local words = ({put = 4, beat = 2, stall = 3, lose = 4})[command]
for number = 2, #KEYS do
  look(KEYS[number], ARGV[at])
  local first, second, third = tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  if command == 'put' then answers[number - 1] = put(first, second, third)
  elseif command == 'beat' then answers[number - 1] = beat(first)
  elseif command == 'stall' then answers[number - 1] = stall(first, tonumber(second))
  else answers[number - 1] = lose(first, tonumber(second), third) end
  at = at + words
end
return answers
