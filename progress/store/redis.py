"""The newest event of each task, in Redis, ordered by one atomic script."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import partial
from importlib import resources
from itertools import chain
from typing import Any, Protocol, TypeVar

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from .. import conf, redis_servers
from ..events import RUNNING, Event, State, head, lost

SCRIPT = resources.files(__package__).joinpath("redis.lua").read_text()
SHA = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
#: Seconds for one answer: a frozen server must not hold anybody longer, and one that is three
#: seconds away still be heard.
TIMEOUT = 4.0
#: Tasks of one run of the script, so that it holds up the server for 2 ms at most.
READ_AT_ONCE = 500
WRITTEN_AT_ONCE = 100
TOLD = 2  # the verdict on an event that was stored, and its group told
#: Of a task id and an event's text: the channel of Redis for it, and the message around it.
Cover = Callable[[str, str], tuple[str, bytes]]
#: The verdict on an event, its run as the store has it, and what gives the event that stands now.
Answer = tuple[int, int, Callable[[], Event]]
#: Of a task id, the event that who asks has of it.
Known = Callable[[str], Event | None]
T = TypeVar("T")

DIGITS = 10**15  # a number of as many digits as a version has, until the year 2286
HEAD = head(version=DIGITS, run=DIGITS, stalled=False)
WAITING = head(version=DIGITS, run=0, stalled=False)  # of a task that no run was opened of


def unread(_task_id: str) -> None:
    """Nothing is known yet."""


class Store(Protocol):
    """What a store does; :class:`RedisStore` and ``memory.MemoryStore`` do it."""

    @property
    def place(self) -> Hashable:
        """The server, to be compared with :func:`sentinel.place`; None where there is none."""

    async def put(self, events: Sequence[Event]) -> list[tuple[bool, Event]]:
        """Offer events, in order; for each, whether it was accepted and what stands now.

        An event with run 0 opens a new run (PENDING opens none). The rules, in order: SUCCESS
        stays; PENDING is taken only when nothing is known; a new run is taken; of a run that
        another took over only SUCCESS is; after its outcome or RETRY, nothing of a run is.
        """

    async def publish(self, events: Sequence[Event], cover: Cover | None) -> list[Answer]:
        """The same, and what was accepted is sent at once as the message that ``cover`` gives.

        The verdict is TOLD then; it is true, and not TOLD, of what the server did not send.
        """

    async def beat(self, runs: Iterable[tuple[str, int]]) -> list[tuple[bool, Event | None]]:
        """Give signs of life for (task id, run).

        (True, None) when taken, (True, event) when that ended a stall; (False, what stands)
        where that is another run or an end, (False, None) where nothing does.
        """

    async def read(self, task_ids: Sequence[str], known: Known = unread) -> dict[str, Event]:
        """What stands for each id; ids of which nothing is known are missing.

        Where that is the version that is ``known`` already, it is that event, and costs little.
        A running task that gave no sign of life for PROGRESS_STALLED_AFTER is marked stalled.
        """

    async def silent(self) -> list[str]:
        """Tasks whose run gave no sign of life for nearly PROGRESS_LOST_AFTER, 500 at most.

        Nearly: two heartbeats before it is over, so that they can be looked at twice.
        """

    async def lose(self, task_ids: Sequence[str]) -> None:
        """Have those of them fail that are silent for all of it: nobody comes back."""

    async def aclose(self) -> None:
        """Let go of connections."""


def open_store() -> Store:
    """The store that the settings name, for the running event loop; the caller closes it."""
    url = conf.redis_url()
    if conf.in_memory():
        from .memory import MemoryStore  # noqa: PLC0415 - only tests and eager tasks need it

        return MemoryStore.shared()
    return RedisStore(url)


class RedisStore:
    """The store in one Redis or Valkey server, or in the one that Sentinels name at the time.

    Every call takes at most about 8 s (one retry of 4 s; a second more for each Sentinel that is
    asked in vain) and raises redis.RedisError or
    OSError when the server does not answer. Keys: ``<prefix>:event:<task id>`` (a string, the
    event's JSON), ``<prefix>:alive`` (a sorted set).
    """

    def __init__(self, url: str) -> None:
        # One retry at once: the server may have closed an idle connection.
        self._redis = redis_servers.connect(
            url,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 1),
        )
        self.place = redis_servers.place(self._redis)
        self._prefix = conf.prefix()
        self._retention = max(1, int(conf.retention()))
        self._limit = int(conf.silence() * 1_000_000)
        self._lost = int(conf.lost_after() * 1_000_000)
        self._nearly_lost = int(conf.nearly_lost_after() * 1_000_000)

    def _key(self, task_id: str) -> str:
        return f"{self._prefix}:event:{task_id}"

    async def put(self, events: Sequence[Event]) -> list[tuple[bool, Event]]:
        """See :meth:`Store.put`."""
        answers = await self.publish(events, None)
        return [(bool(verdict), stands()) for verdict, _, stands in answers]

    async def publish(self, events: Sequence[Event], cover: Cover | None) -> list[Answer]:
        """See :meth:`Store.publish`."""
        bodies = [event.body() for event in events]
        offered = [offer(*each, cover) for each in zip(events, bodies, strict=True)]
        numbers: list[int] = []
        texts: list[bytes] = []
        for line, *refused in await self._run("put", offered):
            numbers += map(int, line.split())
            texts += refused
        answers = zip(events, bodies, *[iter(numbers)] * 3, strict=True)
        stands = iter(texts)
        return [
            (verdict, run, partial(event.stored, version, run, body))
            if verdict
            else (verdict, run, partial(standing, next(stands), event))
            for event, body, verdict, version, run in answers
        ]

    async def beat(self, runs: Iterable[tuple[str, int]]) -> list[tuple[bool, Event | None]]:
        """See :meth:`Store.beat`."""
        answers = chain.from_iterable(await self._run("beat", list(runs)))
        return [(bool(done), readable(text)) for done, text in answers]

    async def read(self, task_ids: Sequence[str], known: Known = unread) -> dict[str, Event]:
        """See :meth:`Store.read`."""
        events: dict[str, Event] = {}
        for part in parts(task_ids, READ_AT_ONCE):  # one by one: many hold up neither side
            events |= await self._read(part, known)
        return events

    async def _read(self, task_ids: Sequence[str], known: Known) -> dict[str, Event]:
        stand = [known(task_id) for task_id in task_ids]
        versions = " ".join([str(event.version) if event else "0" for event in stand])
        (answer,) = await self._evaluate([self._call("read", task_ids, self._limit, versions)])
        for place, text in zip(answer[::2], answer[1::2], strict=True):
            stand[place] = readable(text)
        return {task_id: event for task_id, event in zip(task_ids, stand, strict=True) if event}

    async def silent(self) -> list[str]:
        """See :meth:`Store.silent`."""
        seconds, micros = await self._redis.time()
        limit = seconds * 1_000_000 + micros - self._nearly_lost
        alive = f"{self._prefix}:alive"
        names: Any = await self._redis.zrangebyscore(alive, "-inf", limit, 0, READ_AT_ONCE)
        return [name.decode() for name in names]

    async def lose(self, task_ids: Sequence[str]) -> None:
        """See :meth:`Store.lose`."""
        events = await self.read(task_ids)
        running = [event for event in events.values() if event.state in RUNNING]
        await self._run(
            "lose",
            [(event.task_id, event.version, self._lost, lost(event).body()) for event in running],
        )
        over = set(task_ids) - {event.task_id for event in running}
        if over:  # what expired, or was never ours
            await self._redis.zrem(f"{self._prefix}:alive", *over)

    async def _run(self, command: str, tasks: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The script's answers, one for so many tasks: an id and what the command takes."""
        calls = []
        for part in parts(tasks, WRITTEN_AT_ONCE):
            words = chain.from_iterable(each[1:] for each in part)
            calls.append(self._call(command, [each[0] for each in part], *words))
        return await self._evaluate(calls)

    def _call(self, command: str, task_ids: Sequence[str], *words: Any) -> list[Any]:
        keys = [f"{self._prefix}:alive", *map(self._key, task_ids)]
        return [len(keys), *keys, command, self._retention, *words]

    async def _evaluate(self, calls: list[list[Any]]) -> list[Any]:
        try:
            return await self._send(calls)
        except NoScriptError:  # a new or emptied server
            await self._redis.script_load(SCRIPT)
            return await self._send(calls)

    async def _send(self, calls: list[list[Any]]) -> list[Any]:
        if len(calls) == 1:  # a pipeline of one costs a fifth more
            return [await self._redis.evalsha(SHA, *calls[0])]
        async with self._redis.pipeline(transaction=False) as pipe:
            for each in calls:
                pipe.evalsha(SHA, *each)
            return await pipe.execute()

    async def aclose(self) -> None:
        """See :meth:`Store.aclose`."""
        await redis_servers.close(self._redis)


def parts(all_: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Some after the other, so many at most."""
    return (all_[at : at + size] for at in range(0, len(all_), size))


def offer(event: Event, body: str, cover: Cover | None) -> tuple[str, str, bytes]:
    """What the script's ``put`` takes: the task's id, a note, and the message or only its text."""
    began = WAITING if event.state is State.PENDING else HEAD
    text = (began + body).encode()
    channel, message = cover(event.task_id, began + body) if cover else ("", text)
    start = message.find(text)
    if start < 0:
        channel, message, start = "", text, 0
    parts = f"{start + 1} {start + len(began) + 1} {start + len(text)}"
    return event.task_id, f"{event.run} {event.state} {parts} {channel}", message


def standing(text: bytes, offered: Event) -> Event:
    """What stands: it may be foreign, and then nobody knows more than what was offered."""
    return readable(text) or offered


def readable(text: bytes | None) -> Event | None:
    """The event in what Redis holds, or None where there is none or something foreign."""
    if not text:
        return None
    try:
        return Event.from_text(text)
    except ValueError:
        return None
