-- The newest events of some tasks, and the order of each task's events.
-- KEYS: the signs of life (<prefix>:alive, a sorted set: task id by microseconds), then each task's
--   event (<prefix>:event:<task id>)
-- ARGV: command, retention in seconds, then for each task
--   put    note, message         an event, to be accepted or refused
--   beat   run                   a sign of life
--   lose   version, limit, body  the outcome of a run that is silent for `limit` microseconds
--   or, of a read, the limit after which a silent run is marked as stalled, and the versions that
--   are known to who asks, with spaces between
-- A put's message is what the channel layer sends of the event, with a version and a run of as many
-- digits as they will have. Its note: run, state, where in the message text, body and end are, and
-- the channel that it goes to; none where the message is the body alone.
-- Answers for each {1, text of what was stored} when done (for a beat that changed nothing, an
-- empty text), {0, text of what stands} when refused; empty where nothing does. For puts, one line
-- of a verdict (0 refused, 1 stored, 2 stored and sent), version and run for each, then the texts of
-- what stands for those refused. For a read, place and text of each that is another than is known.
-- `events.py` writes the same head, `memory.py` is the twin.

local command, retention, alive = ARGV[1], ARGV[2], KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local HEAD = '^{"type":"progress","version":(%d+),"run":(%d+),"stalled":(%a+),()"state":"(%u+)"'

-- The task that is looked at, and what stands for it.
local key, task_id, text, version, run, stalled, body_at, state, running

local function look(its_key)
  key, task_id = its_key, string.sub(its_key, #alive + 2)  -- 'event:' is a letter longer
  text = redis.pcall('GET', its_key)
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

local line, refused = {}, {}
local NOTE = '^(%d+) (%u+) (%d+) (%d+) (%d+) (.*)$'

-- In the same command, so that it leaves a round trip earlier. Not sent: the one who asked does it.
local function send(channel, message, start, ends)
  local ours = string.sub(message, 1, start - 1) .. text .. string.sub(message, ends + 1)
  if #ours ~= #message then return false end  -- other digits, and a length in front may be wrong
  return type(redis.pcall('PUBLISH', channel, ours)) == 'number'  -- else it may not
end

local function put(note, message)
  local its_run, its_state, start, body_starts, ends, channel = string.match(note, NOTE)
  local accepted
  its_run = tonumber(its_run)
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
  if not accepted then
    line[#line + 1], refused[#refused + 1] = '0 0 0', text
    return
  end
  if its_state == 'STARTED' or its_state == 'PROGRESS' then
    redis.call('ZADD', alive, now, task_id)
  else
    redis.call('ZREM', alive, task_id)
  end
  if its_state == 'PENDING' then its_run = 0 elseif its_run == 0 then its_run = nil end
  write(its_run and math.max(its_run, run), false, string.sub(message, body_starts, ends))
  local sent = channel ~= '' and send(channel, message, start, ends)
  line[#line + 1] = string.format('%d %.0f %.0f', sent and 2 or 1, version, run)
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

local function stall(limit)
  if stalled or not is_silent(version, limit) then return end
  local its_version, its_text = version, text
  if not pcall(write, run, true, string.sub(text, body_at)) then
    version, text = its_version, its_text  -- full, or read only: it takes no signs of life either
  end
end

local function lose(its_version, limit, body)
  if not is_silent(its_version, limit) then return {0, text} end
  redis.call('ZREM', alive, task_id)
  return write(run, false, body)
end

local answers, at = {}, 3
if command == 'read' then
  local limit, known = tonumber(ARGV[3]), string.gmatch(ARGV[4], '%S+')
  for number = 2, #KEYS do
    look(KEYS[number])
    stall(limit)
    if version ~= tonumber(known()) or text == '' then
      answers[#answers + 1], answers[#answers + 2] = number - 2, text
    end
  end
  return answers
end
local words = ({put = 2, beat = 1, lose = 3})[command]
for number = 2, #KEYS do
  look(KEYS[number])
  local first, second, third = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if command == 'put' then put(first, second)
  elseif command == 'beat' then answers[number - 1] = beat(tonumber(first))
  else answers[number - 1] = lose(tonumber(first), tonumber(second), third) end
  at = at + words
end
if command ~= 'put' then return answers end
table.insert(refused, 1, table.concat(line, ' '))
return refused
