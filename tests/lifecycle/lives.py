"""Draws the lives of tasks: plain data, each of which can be written as JSON and run again."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass, fields, replace
from typing import Any
from uuid import UUID

POOLS = ("prefork", "threads", "solo", "gevent", "eventlet")
BUSY_POOLS = ("prefork",) * 5 + ("threads",) * 3 + ("gevent",) * 2 + ("eventlet",) * 2 + ("solo",)
WEATHERS = (
    "fair", "store away", "store frozen", "store full", "store read only", "store set back",
    "worker killed", "worker frozen", "worker warm", "worker cold",
    "clock ahead", "visibility timeout", "queue purged", "short retention",
)  # fmt: skip
HEARTBEAT = 0.5  # seconds, PROGRESS_HEARTBEAT in a run

#: Seconds that are drawn more often: around the publisher's 0.1 s and the heartbeat.
EDGES = (0.09, 0.1, 0.11, 0.2, HEARTBEAT - 0.02, HEARTBEAT, HEARTBEAT + 0.02, 2 * HEARTBEAT)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What one execution of the task does."""

    silent: float = 0.0  # seconds before the first report
    reports: int = 0
    pace: float = 0.0  # seconds after each report
    how: str = "recorder"  # or "track", "unknown total", "thread", "to_thread"
    inner: str = ""  # another task inside: "apply", "apply failing", "call"
    after: float = 0.0  # seconds between the last report and the end
    end: str = "success"
    countdown: float | None = None  # of end "retry"
    stored: str = ""  # the state that end "ignore" stores by hand
    sub: str = ""  # what end "replace" puts in its place: signature, chain, group, chord
    sub_seconds: float = 0.0  # each piece of that takes
    sub_fails: bool = False


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What somebody does to the task."""

    what: (
        str  # revoke, terminate, abort; redeliver, as the broker does after its visibility timeout
    )
    on: str = "published"  # or "began", "ended"
    nth: int = 1  # execution
    after: float = 0.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Life:
    """One task from its publishing to its end."""

    task_id: str
    celery: str = "5.7"
    pool: str = "prefork"
    weather: str = "fair"
    start: float = 0.0  # seconds from the beginning of its batch
    kind: str = "task"  # or "eager", "unregistered"
    base: str = "plain"  # or "hooks", "raising hooks", "abortable"
    late: bool = False  # acks_late and reject_on_worker_lost
    lost_retry: bool = False  # retry_on_worker_lost, of Celery 5.7
    auto: str = ""  # autoretry_for: "at once", "backoff", "jitter"
    ignored: bool = False  # ignore_result
    countdown: float | None = None
    expires: float | None = None
    soft: float | None = None
    hard: float | None = None
    script: tuple[Attempt, ...] = (Attempt(),)
    again: tuple[Attempt, ...] = ()  # the id is used once more, after the end
    outside: tuple[Outside, ...] = ()

    def to_json(self) -> str:
        """Only what differs from the defaults."""
        return json.dumps(_sparse(self), ensure_ascii=False)


def from_json(text: str) -> Life:
    values = json.loads(text)
    for name, kind in (("script", Attempt), ("again", Attempt), ("outside", Outside)):
        if name in values:
            values[name] = tuple(kind(**each) for each in values[name])
    return Life(**values)


def attempts(script: tuple[Attempt, ...]) -> list[dict[str, Any]]:
    """The script as a task's argument."""
    return [asdict(each) for each in script]


def _sparse(value: Any) -> dict[str, Any]:
    found = {}
    for field in fields(value):
        its = getattr(value, field.name)
        if its != field.default:
            found[field.name] = [_sparse(each) for each in its] if isinstance(its, tuple) else its
    return found


def draw(seed: int, number: int, *, weather: str | None = None) -> Life:
    """The life of that number in the run of that seed."""
    return _Drawing(random.Random(f"{seed}/{number}")).life(weather)


class _Drawing:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._solo = self._tiny = False

    def life(self, weather: str | None) -> Life:
        rng = self._rng
        life = Life(
            task_id=self._id(),
            pool=rng.choice(BUSY_POOLS),
            weather=weather or self._some(0.5, rng.choice(WEATHERS[1:]), "fair"),
            # Half of them in crowds, since much goes wrong only where a process has other work.
            start=round(rng.choice((rng.uniform(0, 6), rng.randrange(6) + rng.uniform(0, 0.3))), 2),
        )
        self._tiny = rng.random() < 0.5  # nothing but its ends, at once
        if self._tiny and rng.random() < 0.6:
            life = replace(life, pool="prefork")  # where it takes no child for long
        self._solo = life.pool == "solo"
        kind = rng.random()
        if kind < 0.03:
            return replace(life, kind="unregistered", late=rng.random() < 0.3)
        life = replace(
            life,
            base=rng.choice(("plain",) * 4 + ("hooks", "hooks", "raising hooks", "abortable")),
            late=rng.random() < 0.35,
            lost_retry=rng.random() < 0.15,
            auto=self._some(
                0.6 if self._tiny else 0.3, rng.choice(("at once", "backoff", "jitter")), ""
            ),
            ignored=rng.random() < 0.1,
        )
        if life.base == "raising hooks" and life.pool == "solo":
            life = replace(life, base="hooks")  # what a hook raises there ends the worker
        if kind < 0.07:
            return replace(life, kind="eager", script=self._script(life, eager=True))
        life = replace(
            life,
            countdown=self._some(0.1, self._seconds(), None),
            expires=self._some(0.08, self._seconds(), None),
            soft=self._some(0.08, max(0.1, self._seconds()), None),
            hard=self._some(0.3 if life.late else 0.1, max(0.1, self._seconds()), None),
            script=self._script(life),
            outside=self._outside(life),
        )
        if len(life.script) == 1 and not life.outside and rng.random() < 0.15:
            life = replace(life, again=self._script(life))
        return life

    def _script(self, life: Life, *, eager: bool = False) -> tuple[Attempt, ...]:
        script = [self._attempt(life, eager=eager)]
        while _goes_on(script[-1]) and len(script) < 4:
            script.append(self._attempt(life, eager=eager))
        return tuple(script)

    def _attempt(self, life: Life, *, eager: bool) -> Attempt:
        rng = self._rng
        reports = rng.choice((0, 0, 1, 2, 3, 5, 8, 40))
        end = self._end(life, eager=eager)
        attempt = (
            Attempt(end=end)
            if self._tiny
            else Attempt(
                silent=self._some(0.4, self._seconds(), 0.0),
                reports=reports,
                pace=self._pace(reports),
                how=self._how(life),
                inner=self._some(0.1, rng.choice(("apply", "apply failing", "call")), ""),
                after=self._some(0.4, self._seconds(), 0.0),
                end=end,
            )
        )
        if end == "retry":
            waits = 0.3 if self._tiny else 0.75
            return replace(attempt, countdown=self._some(waits, self._seconds(), 0.0))
        if end == "ignore":
            return replace(attempt, stored=rng.choice(("", "", "SUCCESS", "FAILURE", "SKIPPED")))
        if end == "replace":
            return replace(
                attempt,
                sub=rng.choice(("signature", "chain", "group", "chord")),
                sub_seconds=self._some(0.7, self._seconds(), 0.0),
                sub_fails=rng.random() < 0.25,
            )
        return attempt

    def _how(self, life: Life) -> str:
        found = ["recorder", "recorder", "recorder", "track", "unknown total", "thread"]
        if life.pool not in {"gevent", "eventlet"}:  # asyncio waits for more than its own greenlet
            found.append("to_thread")
        return self._rng.choice(found)

    def _end(self, life: Life, *, eager: bool) -> str:
        rng = self._rng
        if eager:
            return rng.choice(("success", "failure", "public", "ignore", "retry"))
        ends = ["success"] * 5 + ["failure"] * 4 + ["public", "retry", "retry", "ignore", "reject"]
        ends += ["replace", "replace"]
        if life.auto:
            ends += ["auto"] * (16 if self._tiny else 8)
        if life.late:
            ends += ["requeue", "requeue"]
        if life.base == "abortable":
            ends += ["abortable"] * 8
        if life.pool == "prefork":
            ends += ["kill", "exit"]
        return rng.choice([*ends, "hang"] if life.pool != "solo" else ends)

    def _outside(self, life: Life) -> tuple[Outside, ...]:
        rng = self._rng
        found = []
        if life.base == "abortable" and rng.random() < 0.6:
            found.append(Outside(what="abort", on="began", after=self._seconds()))
        if life.late and rng.random() < 0.3:
            found.append(
                Outside(
                    what="redeliver", on="began", nth=rng.choice((1, 1, 2)), after=self._seconds()
                )
            )
        if rng.random() < 0.2:
            can = life.pool in {"prefork", "gevent", "eventlet"}
            found.append(
                Outside(
                    what=rng.choice(("revoke", "terminate" if can else "revoke")),
                    on=rng.choice(("published", "began", "began", "ended", "ended")),
                    nth=rng.choice((1, 1, 1, 2)),
                    after=self._seconds(),
                )
            )
        return tuple(found)

    def _id(self) -> str:
        rng = self._rng
        uuid = str(UUID(int=rng.getrandbits(128), version=4))
        if rng.random() < 0.85:
            return uuid
        return rng.choice(_IDS).replace("{}", uuid[:8])

    def _seconds(self) -> float:
        rng = self._rng
        if self._solo:  # one task after the other: short ones
            return rng.choice(EDGES[:4])
        return rng.choice(EDGES) if rng.random() < 0.6 else round(rng.uniform(0, 1.6), 2)

    def _pace(self, reports: int) -> float:
        seconds = self._some(0.7, self._seconds(), 0.0)
        longest = 0.5 if self._solo else 2.5
        return round(min(seconds, longest / max(1, reports)), 3)

    def _some(self, probability: float, value: Any, other: Any) -> Any:
        return value if self._rng.random() < probability else other


_IDS = (
    "{}", "a/{}", "{} with blanks", " {} ", "/{}", "{}/", "{}//x", "%00{}", "{}%2F..", "{}/cancel",
    "{}:1", "{}.", "..{}", "<b>{}</b>", '{}"quoted"', "{}'--", "{}&amp;", "{}?x=1&y", "{}#top",
    "{}" + "-long" * 45, "{}-ü-日本", "{}\N{GRINNING FACE}", "e\N{COMBINING ACUTE ACCENT}{}",
    "\N{HEBREW LETTER ALEF}{}", "{}\N{ZERO WIDTH JOINER}", "{}\\n{}",
    "{}\n2", "{}\t", "\0{}", "{}\x7f", "{}\x85", "{}\r\nX-Y: z",
)  # fmt: skip


def _goes_on(attempt: Attempt) -> bool:
    return attempt.end in {"retry", "auto", "requeue", "kill", "exit", "hang"}
