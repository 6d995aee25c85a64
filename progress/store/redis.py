"""Keeps the newest event of each task in Redis; one atomic script decides which is newer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from importlib import resources
from itertools import chain
from typing import Any

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from .. import conf, redis_servers
from ..events import RUNNING, Event, State, head, lost
from .base import REFUSED, Answer, Envelope, Known, delay, parts, readable

SCRIPT = resources.files(__package__).joinpath("redis.lua").read_text()
SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
#: Seconds for one reply: short, so that a frozen server delays nobody for long, but enough for a
#: server that takes three seconds to reply.
TIMEOUT = 4.0
#: Tasks in one call of the script, so that a call blocks the server for 2 ms at most.
READ_AT_ONCE = 500
WRITTEN_AT_ONCE = 100

DIGITS = 10**15  # a number with as many digits as a version has, until the year 2286
HEAD = head(version=DIGITS, run=DIGITS, stalled=False)
WAITING = head(version=DIGITS, run=0, stalled=False)  # the head of a task that has no run yet


class RedisStore:
    """The store in one Redis or Valkey server, or in the primary that Sentinels name.

    Every call takes at most about 8 s (4 s and one retry of 4 s), and 1 s more for each Sentinel
    that does not answer. Keys: ``<prefix>:event:<task id>`` (a string, the event's JSON) and
    ``<prefix>:alive`` (a sorted set).
    """

    def __init__(self, url: str) -> None:
        # One retry without a pause: the server may have closed an idle connection.
        self._redis = redis_servers.connect(
            url,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 1),
        )
        self.place = redis_servers.place(self._redis)
        self._prefix = conf.prefix()
        self._keep = f"{max(1, int(conf.retention()))} {max(1, int(conf.running_retention()))}"
        self._limit = int(conf.silence() * 1_000_000)
        self._lost = int(conf.lost_after() * 1_000_000)
        self._nearly_lost = int(conf.nearly_lost_after() * 1_000_000)

    def _key(self, task_id: str) -> str:
        return f"{self._prefix}:event:{task_id}"

    async def put(self, events: Sequence[Event]) -> list[tuple[bool, Event]]:
        """See :meth:`Store.put`."""
        answers = await self.publish(events, None)
        return [(bool(answer.verdict), answer.event()) for answer in answers]

    async def publish(self, events: Sequence[Event], envelope: Envelope | None) -> list[Answer]:
        """See :meth:`Store.publish`."""
        bodies = [event.body() for event in events]
        offers = [offer(*each, envelope) for each in zip(events, bodies, strict=True)]
        answers: list[Answer] = []
        for line, *refused in await self._run("put", offers):
            standing = iter(refused)
            for numbers in line.decode().splitlines():
                verdict, version, run = map(int, numbers.split())
                event, body = events[len(answers)], bodies[len(answers)]
                stands = next(standing) if verdict == REFUSED else b""
                answers.append(Answer(event, verdict, version, run, body, stands))
        return answers

    async def beat(self, runs: Iterable[tuple[str, int]]) -> list[tuple[bool, Event | None]]:
        """See :meth:`Store.beat`."""
        answers = chain.from_iterable(await self._run("beat", list(runs)))
        return [(bool(done), readable(text)) for done, text in answers]

    async def read(self, task_ids: Sequence[str], known: Known | None = None) -> dict[str, Event]:
        """See :meth:`Store.read`."""
        events: dict[str, Event] = {}
        for part in parts(task_ids, READ_AT_ONCE):  # many at once would block both sides
            events |= await self._read(part, known)
        return events

    async def _read(self, task_ids: Sequence[str], known: Known | None) -> dict[str, Event]:
        stand = [known(task_id) if known else None for task_id in task_ids]
        versions = " ".join([str(event.version) if event else "0" for event in stand])
        (answer,) = await self._evaluate([self._call("read", task_ids, self._limit, versions)])
        for place, text in zip(answer[::2], answer[1::2], strict=True):
            stand[place] = readable(text)
        return {task_id: event for task_id, event in zip(task_ids, stand, strict=True) if event}

    async def silent(self) -> list[str]:
        """See :meth:`Store.silent`."""
        limit = await self.clock() - self._nearly_lost
        alive = f"{self._prefix}:alive"
        names: Any = await self._redis.zrangebyscore(alive, "-inf", limit, 0, READ_AT_ONCE)
        return [name.decode() for name in names]

    async def lose(self, task_ids: Sequence[str]) -> None:
        """See :meth:`Store.lose`."""
        events = await self.read(task_ids)
        open_ones = [event for event in events.values() if event.state in {*RUNNING, State.RETRY}]
        losses = [(each.task_id, each.version, self._lost, lost(each).body()) for each in open_ones]
        await self._run("lose", losses)
        over = set(task_ids) - {event.task_id for event in open_ones}
        if over:  # the event has expired or ended, or the member is not a task
            await self._redis.zrem(f"{self._prefix}:alive", *over)

    async def clock(self) -> int:
        """See :meth:`Store.clock`."""
        seconds, micros = await self._redis.time()
        return int(seconds) * 1_000_000 + int(micros)

    async def _run(self, command: str, tasks: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Run a command of the script for these tasks, each a tuple of its id and arguments."""
        calls = []
        for part in parts(tasks, WRITTEN_AT_ONCE):
            words = chain.from_iterable(each[1:] for each in part)
            calls.append(self._call(command, [each[0] for each in part], *words))
        return await self._evaluate(calls)

    def _call(self, command: str, task_ids: Sequence[str], *words: Any) -> list[Any]:
        keys = [f"{self._prefix}:alive", *map(self._key, task_ids)]
        return [len(keys), *keys, command, self._keep, *words]

    async def _evaluate(self, calls: list[list[Any]]) -> list[Any]:
        try:
            return await self._send(calls)
        except NoScriptError:  # the server is new, or has lost its scripts
            await self._redis.script_load(SCRIPT)
            return await self._send(calls)

    async def _send(self, calls: list[list[Any]]) -> list[Any]:
        if len(calls) == 1:  # for one call, a pipeline costs 20 % more
            return [await self._redis.evalsha(SHA, *calls[0])]
        async with self._redis.pipeline(transaction=False) as pipe:
            for each in calls:
                pipe.evalsha(SHA, *each)
            return await pipe.execute()

    async def aclose(self) -> None:
        """See :meth:`Store.aclose`."""
        await redis_servers.close(self._redis)


def offer(event: Event, body: str, envelope: Envelope | None) -> tuple[str, str, bytes]:
    """Return the arguments of the script's ``put``: task id, note, and message or text."""
    began = WAITING if event.state is State.PENDING else HEAD
    text = (began + body).encode()
    channel, message = envelope(event.task_id, began + body) if envelope else ("", text)
    start = message.find(text)
    if start < 0:  # the layer changes the text, so only the layer can send it
        channel, message, start = "", text, 0
    places = f"{start + 1} {start + len(began) + 1} {start + len(text)}"
    note = f"{event.run} {event.state} {event.attempt} {event.published} {delay(event)} {places}"
    return event.task_id, f"{note} {channel}", message
