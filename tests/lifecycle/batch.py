"""Lives a batch of lives at once on one stack, and gathers all that is known of each."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import aiohttp

from tests.lifecycle import judge, watching, weather
from tests.lifecycle.case import READY, SILENCE, Case
from tests.lifecycle.ends import deaths
from tests.lifecycle.lives import attempts
from tests.lifecycle.stack import LOSSY, LOST_AFTER, facts
from tests.lifecycle.truth import truth

LIMIT = (
    32.0  # seconds from the start of the last life until those that go on are judged all the same
)
RECORD = "celery-task-meta-"  # and a task's id: its key in Celery's result backend
SHOWN = 2.0  # seconds until watchers have seen what Celery has recorded
LONGEST = 10.0  # seconds until Celery has collected a group, whose record may not change then
GRACE = 6.0  # seconds the progress has after Celery's truth is known; it promises 5


class Living:
    """One life while it is lived."""

    def __init__(self, life):
        self.life = life
        self.key = life.task_id
        self.notes = []
        self.statuses = []  # (when, Celery's status), as it changed
        self.first = None  # notes and truth of the first life of an id that is used again
        self.eager = None
        self.lived = True
        self.refused = None  # why make_token did not take the id
        self.truth = None
        self.decided = None  # when its truth was known

    @property
    def status(self):
        return self.statuses[-1][1] if self.statuses else None

    def replacement_goes_on(self):
        """Whether it was replaced, and its last piece has not ended, or has no record yet.

        Its message may wait for long on a busy machine, also after a time limit ended the task.
        """
        if not any(note.get("how") == "replace" for note in self.notes):
            return False
        lasts = [n["at"] for n in self.notes if n["what"] == "piece ended" and n["piece"] == "last"]
        if not lasts or self.status not in READY:
            return True
        recorded, now = self.statuses[-1][0], time.time()
        if recorded < lasts[-1]:
            return now < lasts[-1] + LONGEST
        return now < recorded + SHOWN

    def begin_again(self):
        """Use the id for a second life."""
        self.first = self.notes, self.truth
        self.notes, self.truth, self.decided = [], None, None
        self.key = f"{self.life.task_id}\n2"

    def take(self, note):
        """Add a note to those of its life: a message of the first one may come back late."""
        late = self.first and note["key"] != self.key and note["what"] != "collected"
        (self.first[0] if late else self.notes).append(note)


@dataclass
class Seen:
    """What was shown of one life."""

    frames: list  # (when, event), as they came to the watcher who was there all along
    newest: dict | None  # what that one shows in the end
    late: dict | None
    state: dict | None  # the JSON

    def arrival(self, event):
        """When that version came."""
        return next(at for at, each in self.frames if each["version"] == event["version"])


class Batch:
    """The lives of one stack and one weather."""

    def __init__(self, stack, lives, weather_name):
        self.stack, self.weather = stack, weather_name
        self.living = [Living(life) for life in lives]
        self._by_key = {each.key: each for each in self.living}
        self._starters = ThreadPoolExecutor(8)

    async def run(self):
        """Live them all; the findings."""
        async with aiohttp.ClientSession() as session:
            self._watcher = watching.Watcher(session, self.stack.web.port)
            record, notes = self.stack.record(), self.stack.notes()
            writes = record.pubsub()
            await writes.psubscribe(f"{RECORD}*")
            self.began = self._heard = time.time()
            reading = asyncio.create_task(self._read(notes))
            recording = asyncio.create_task(self._record(writes))
            deciding = asyncio.create_task(self._decide())
            raging = asyncio.create_task(weather.rage(self.stack, self.weather))
            lives = [asyncio.create_task(self._live(each)) for each in self.living]
            await asyncio.gather(*lives)
            await raging
            await self._settle()
            late, states = await self._views(session)
            known = self.facts = facts(self.stack)
            known.deaths = [death for each in self.living for death in deaths(each)]
            tasks = (reading, recording, deciding)
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            for error in ends:
                if not isinstance(error, asyncio.CancelledError):
                    raise error
            self.known = {
                each.life.task_id: (each, self._seen(each, late, states)) for each in self.living
            }
            findings = [
                finding
                for each, seen in self.known.values()
                for finding in judge.findings(each, seen, known)
            ]
            await self._watcher.close()
            await writes.aclose()
            await record.aclose()
            await notes.aclose()
        self._starters.shutdown()
        return findings

    def _seen(self, living, late, states):
        id_ = living.life.task_id
        frames, newest = self._watcher.frames.get(id_, []), self._watcher.newest(id_)
        return Seen(frames, newest, late.get(id_), states.get(id_))

    async def _live(self, living):
        life = living.life
        await asyncio.sleep(max(0, self.began + life.start - time.time()))
        try:
            await self._watcher.watch(life.task_id)
        except ValueError as error:
            living.refused = str(error)
        living.lived = not living.refused
        if not living.lived:
            return
        await asyncio.sleep(0.02)
        await self._publish(living, life.script)
        for each in life.outside:
            asyncio.create_task(self._outside(living, each))  # noqa: RUF006 - ends with the loop
        if life.again:
            if not await self._over(living):
                return
            living.begin_again()
            self._by_key[living.key] = living
            await self._publish(living, life.again)

    async def _over(self, living):
        """Wait until the truth of the life is known and nothing of it goes on; whether it is so."""
        while living.decided is None or living.replacement_goes_on():
            if time.time() > self.began + LIMIT:
                return False
            await asyncio.sleep(0.1)
        return True

    async def _publish(self, living, script):
        living.notes.append({"what": "published", "at": time.time(), "nth": 0})
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._starters, self._send, living, attempts(script))

    def _send(self, living, script):
        from tests.lifecycle import tasks

        life = living.life
        name = tasks.task_name(life.base, life.late, life.auto, life.lost_retry)
        if life.kind == "unregistered":
            tasks.app.send_task("lives.not_there", [], task_id=life.task_id, queue=life.pool)
            return
        task = tasks.app.tasks[name]
        if life.kind == "eager":
            living.eager = "raised"  # as hooks may
            with suppress(Exception):
                result = task.apply([living.key, script], task_id=life.task_id)
                living.eager = result.state
            return
        options = {} if living.first else {
            "countdown": life.countdown, "expires": life.expires,
            "soft_time_limit": life.soft, "time_limit": life.hard,
        }  # fmt: skip
        task.apply_async(
            [living.key, script],
            task_id=life.task_id,
            queue=life.pool,
            **({"ignore_result": True} if life.ignored else {}),
            **{key: value for key, value in options.items() if value is not None},
        )

    async def _outside(self, living, outside):
        """Do to the task what somebody does to it."""
        deadline = time.time() + 12
        while not self._reached(living, outside):
            if time.time() > deadline:
                return
            await asyncio.sleep(0.01)
        await asyncio.sleep(outside.after)
        living.notes.append({"what": "outside", "did": outside.what, "at": time.time(), "nth": 0})
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._starters, self._do, living.life, outside.what)

    def _reached(self, living, outside):
        if outside.on == "published":
            return True
        return any(
            note["what"] == outside.on and note["nth"] == outside.nth for note in living.notes
        )

    def _do(self, life, what):
        from celery.contrib.abortable import AbortableAsyncResult

        from tests.lifecycle.tasks import app

        if what == "abort":
            AbortableAsyncResult(life.task_id, app=app).abort()
        elif what == "redeliver":
            self.stack.restore(self.stack.unacked(life.task_id))
        else:
            app.control.revoke(life.task_id, terminate=what == "terminate")

    async def _read(self, notes):
        while True:
            _, text = await notes.blpop("notes", timeout=0)
            note = json.loads(text)
            if living := self._by_key.get(note["key"]):
                living.take(note)
                self._heard = time.time()

    async def _record(self, writes):
        """Celery's record of all, as it changes: its backend publishes each write to Redis."""
        by_id = {each.life.task_id: each for each in self.living}
        async for message in writes.listen():
            living = by_id.get(message["channel"].removeprefix(RECORD))
            if message["type"] == "pmessage" and living:
                status = json.loads(message["data"])["status"]
                if status != living.status:
                    living.statuses.append((time.time(), status))

    async def _decide(self):
        """What is the truth of each by now."""
        while True:
            known, now = facts(self.stack), time.time()
            self.decided_at = now
            for living in self.living:
                if not living.notes:
                    continue
                found = truth(Case(living, known, now))
                if living.truth != found:
                    living.truth = found
                    living.decided = now if found.states else None
            await asyncio.sleep(0.15)

    async def _settle(self):
        """Until the truth of each is known, and the progress says it or had its time."""
        grace = GRACE + (LOST_AFTER + 2 if self.weather in LOSSY else 0)
        deadline = max(self.began + LIMIT, time.time() + 5)
        while time.time() < max(deadline, self._heard + SILENCE):  # a busy machine takes longer
            now = time.time()
            if all(self._is_settled(each, now, grace) for each in self.living):
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)

    def _is_settled(self, living, now, grace):
        if not living.lived:
            return True
        if living.decided is None:
            return False
        newest = self._watcher.newest(living.life.task_id)
        right = newest is not None and newest["state"] in living.truth.states
        return right if now < living.decided + grace else True

    async def _views(self, session):
        right = {
            each.life.task_id: (each.truth and each.truth.states) or ()
            for each in self.living
            if each.lived
        }
        port = self.stack.web.port
        late = await watching.look(session, port, right)
        states = {}
        for task_id in right:
            states[task_id] = await watching.state(session, port, task_id)
        return late, states
