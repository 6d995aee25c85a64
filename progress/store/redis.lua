-- Stores the newest event of each task, and decides which event is newer.
--
-- KEYS: <prefix>:alive, a sorted set of task ids by the time of their last heartbeat in microseconds;
--   then the key of each task's event, <prefix>:event:<task id>
-- ARGV: the command; the seconds to keep an outcome and any other event; then for each task
--   put    note, message         stores an event, or refuses it
--   beat   run                   records a heartbeat
--   lose   version, limit, body  stores FAILURE if the last heartbeat is `limit` microseconds old
--   The command read has, for all tasks together, the microseconds without a heartbeat after which a
--   run is marked as stalled, and the versions that the caller knows, separated by spaces.
--
-- The message of put is the message of the channel layer, with placeholder digits for version and run.
-- Its note has run, state, attempt, published, delay (for RETRY the microseconds until the next attempt,
-- for PENDING since the task was sent), the positions in the message at which the event's text begins,
-- its body begins and both end, and the channel to send the message to. Without a channel the message
-- is the event's text.
--
-- Answers to beat and lose, for each task: {1, new text} if it was accepted, with an empty text if a
-- heartbeat did not change the event; {0, stored text} if it was refused, with an empty text if the
-- store has no event.
-- Answer to put: lines of verdict (0 refused, 1 stored, 2 stored and sent), version and run; then the
-- stored text for each refused event.
-- Answer to read: position and text of each task whose version differs from the caller's.
--
-- `events.py` writes the same head, `memory.py` has the same rules in Python, `base.py` in words.

local command, alive = ARGV[1], KEYS[1]
local keep_outcome, keep_open = string.match(ARGV[2], '(%d+) (%d+)')
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local HEAD = '^{"type":"progress","version":(%d+),"run":(%d+),"stalled":(%a+),()"state":"(%u+)",'
  .. '"attempt":(%d+),"published":(%d+),'
local OUTCOME = {SUCCESS = true, FAILURE = true, REVOKED = true}
local RUNNING = {STARTED = true, PROGRESS = true}

-- The present task and its stored event; `look` sets them.
local key, task_id, text, version, run, stalled, body_at, state, attempt, published

local function look(its_key)
  key, task_id = its_key, string.sub(its_key, #alive + 2)  -- 'event:' is a letter longer
  text = redis.pcall('GET', its_key)
  if type(text) ~= 'string' then text = '' end  -- there is no key, or its value is not a string
  version, run, stalled, body_at, state, attempt, published = string.match(text, HEAD)
  local ours = version and tonumber(version) < 9007199254740992  -- 2^53: no higher version is exact
  if not ours then text, version, run, state, attempt, published = '', 0, 0, '', 0, 0 end
  version, run, stalled = tonumber(version), tonumber(run), stalled == 'true'
  attempt, published = tonumber(attempt), tonumber(published)
end

local function write(new_run, is_stalled, body, seconds)
  version = math.max(now, version + 1)
  run = new_run or version
  text = string.format('{"type":"progress","version":%.0f,"run":%.0f,"stalled":%s,%s',
    version, run, tostring(is_stalled), body)
  redis.call('SET', key, text, 'EX', seconds)
  return {1, text}
end

local lines, refused = {}, {}
local NOTE = '^(%d+) (%u+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (.*)$'

-- Sending here, in the same command, saves a round trip. If it fails, the caller sends the event.
local function send(channel, message, start, ends)
  local ours = string.sub(message, 1, start - 1) .. text .. string.sub(message, ends + 1)
  if #ours ~= #message then return false end  -- more or fewer digits: the message contains its length
  return type(redis.pcall('PUBLISH', channel, ours)) == 'number'  -- an error: publishing is forbidden
end

local function accepts(its_run, its_state, its_attempt, its_published, age)
  if text == '' then return true end
  local waits = its_state == 'PENDING'
  if its_published > 0 and published > 0 and its_published ~= published then  -- the id is used again
    if its_published > published then return not (waits and RUNNING[state]) end
    return waits and OUTCOME[state] and version < now - age  -- by our clock: the senders' may differ
  end
  if waits then  -- after Ignore: a PENDING of the stored run or of a later attempt
    return (RUNNING[state] and its_run > 0 and its_run == run)
      or (its_attempt > attempt and not OUTCOME[state])
  end
  if state == 'SUCCESS' then return false end
  if its_attempt ~= attempt then return its_attempt > attempt or its_state == 'SUCCESS' end
  if its_run == 0 and its_state == state and OUTCOME[state] then return false end  -- the same again
  if its_run == 0 or its_run > run then return true end  -- a new run, or a run that Redis has lost
  if its_run < run then return its_state == 'SUCCESS' end  -- another run has taken over
  return RUNNING[state] or state == 'PENDING' or (state == 'RETRY' and OUTCOME[its_state])
end

local function put(note, message)
  local its_run, its_state, its_attempt, its_published, delay, start, body_starts, ends, channel =
    string.match(note, NOTE)
  its_run, delay = tonumber(its_run), tonumber(delay)
  if not accepts(its_run, its_state, tonumber(its_attempt), tonumber(its_published), delay) then
    lines[#lines + 1], refused[#refused + 1] = '0 0 0', text
    return
  end
  local seconds = OUTCOME[its_state] and keep_outcome or keep_open
  if RUNNING[its_state] then
    redis.call('ZADD', alive, now, task_id)
  elseif its_state == 'RETRY' then  -- it counts as silent from the time when the next attempt is due
    redis.call('ZADD', alive, now + delay, task_id)
    seconds = string.format('%.0f', seconds + math.ceil(delay / 1000000))
  else
    redis.call('ZREM', alive, task_id)
  end
  if its_state == 'PENDING' then its_run = 0 elseif its_run == 0 then its_run = nil end
  local body = string.sub(message, body_starts, ends)
  write(its_run and math.max(its_run, run), false, body, seconds)
  local sent = channel ~= '' and send(channel, message, start, ends)
  lines[#lines + 1] = string.format('%d %.0f %.0f', sent and 2 or 1, version, run)
end

local function beat(its_run)
  if text == '' or its_run ~= run or not RUNNING[state] then return {0, text} end
  redis.call('ZADD', alive, now, task_id)
  redis.call('EXPIRE', key, keep_open)
  if stalled then return write(run, false, string.sub(text, body_at), keep_open) end
  return {1, ''}
end

local function is_silent(its_version, limit)
  local seen = tonumber(redis.call('ZSCORE', alive, task_id) or version)
  return its_version == version and now - seen > limit
end

-- The caller may know a later version than the stored one: that of an event that could not be stored.
local function stall(limit, known)
  if stalled or not RUNNING[state] or not is_silent(version, limit) then return end
  if now - known <= limit then return end
  local its_version, its_text = version, text
  if not pcall(write, run, true, string.sub(text, body_at), keep_open) then
    version, text = its_version, its_text  -- full or read-only: heartbeats are not stored either
  end
end

local function lose(its_version, limit, body)
  local open = RUNNING[state] or state == 'RETRY'
  if not open or not is_silent(its_version, limit) then return {0, text} end
  redis.call('ZREM', alive, task_id)
  return write(run, false, body, keep_outcome)
end

local answers, at = {}, 3
if command == 'read' then
  local limit, known = tonumber(ARGV[3]), string.gmatch(ARGV[4], '%S+')
  for number = 2, #KEYS do
    local its_version = tonumber(known()) or 0
    look(KEYS[number])
    stall(limit, its_version)
    if version ~= its_version or text == '' then
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
table.insert(refused, 1, table.concat(lines, '\n'))
return refused
