"""Estimates how fast a run counts, and how many seconds it still takes.

The same exponential average is kept over ten memories, each twice as long as the one before. The
estimate is the longest memory that agrees with every shorter one within the noise; where the
shorter ones disagree, the speed has changed, and the longer memories forget what was before. So
steady work is averaged over its whole run, and a change of speed is followed within seconds.
"""

from __future__ import annotations

from math import inf, sqrt

EARLIEST = 3.0  # seconds, and
CHANGES = 3  # changes of the count, before the first estimate

# benchmarks/eta judges these figures by recorded progress.
MEMORIES = 10  # the longest remembers about a thousand stretches
STRETCH = 0.6  # seconds that the shortest memory averages over, at least
STRETCH_GAPS = 0.5  # and at least so many times the usual longest time between two changes
NOISE_SHARE = 0.12  # of the newest stretch in the measure of the noise
OUTLIER = 18.0  # times the usual noise; a larger difference is a change of speed, not noise
DOUBTS = 2.75  # standard errors that each of two memories may be off and still agree
SLACK = 0.03  # and so much of the rate

STEADY = 0.012  # the time left stays as it is while a new one differs by less than this share
STEADY_DOUBTS = 0.6  # and so many standard errors of the rate

SILENCE = 5.0  # seconds without a change until a run counts as stalled, at least
SILENCE_GAPS = 4.5  # and at least so many times the usual longest time between two changes
JUMP = 20.0  # times the usual step, and the usual rate: skipped, not done
GAP_HALF_LIFE = 60.0  # seconds after which a long time between two changes counts half


class Pace:
    """The speed of one run, from what it has counted since ``current`` at the time ``now``.

    Times are seconds of one clock that never goes back. Only what is counted after the first change
    is speed: neither what an earlier run did, nor the time of preparation before the first change,
    nor a jump of many times the usual step (skipped items), nor a pause. A count that falls is a
    run of another kind: make a new Pace. Each method takes constant time and memory.
    """

    __slots__ = (
        "_at",
        "_began",
        "_changes",
        "_current",
        "_doubt",
        "_end",
        "_last_speed",
        "_longest_gap",
        "_memories",
        "_noise",
        "_rate",
        "_seconds",
        "_step",
        "_stretches",
        "_units",
    )

    def __init__(self, current: float, now: float) -> None:
        self._current = current
        self._began = self._at = now
        self._changes = 0
        self._step = 0.0  # the usual step
        self._longest_gap = 0.0  # the longest time between two changes, of late
        self._units = self._seconds = 0.0  # of the stretch that is not over yet
        self._stretches = 0
        self._last_speed = 0.0
        self._noise = 0.0  # variance of the units of a second
        self._memories = [_Memory(1 - 0.5**number) for number in range(MEMORIES)]
        self._rate = self._doubt = 0.0
        self._end: float | None = None  # when the run ends, as said last

    @property
    def current(self) -> float:
        """The count that was taken last."""
        return self._current

    def count(self, current: float, now: float) -> None:
        """Take a higher count; another one is ignored."""
        step, gap = current - self._current, now - self._at
        if step <= 0 or gap <= 0:
            return
        self._changes += 1
        self._current, self._at = current, now
        if self._changes == 1:
            return
        if self._is_jump(step, gap):
            self._step *= 1.5  # if all later steps are as large, they become usual
            self._end = None
            return
        limit = 3 * self._step if self._step else step
        self._step += (min(step, limit) - self._step) * (0.1 if self._step else 1.0)
        if self._changes > CHANGES and gap > self._patience():
            self._longest_gap = max(self._longest_gap, gap / 8)
            return
        kept = 0.5 ** (gap / (GAP_HALF_LIFE + 4 * self._longest_gap))
        self._longest_gap = max(gap, self._longest_gap * kept)
        self._units += step
        self._seconds += gap
        if self._seconds >= max(STRETCH, STRETCH_GAPS * self._longest_gap):
            self._take_stretch()

    def rate(self, now: float) -> float | None:
        """Return the units a second, or None if too little is known; it sinks in silence."""
        if not self._is_known(now):
            return None
        silence = now - self._at
        usual = max(STRETCH, self._longest_gap)
        return self._speed() * min(1.0, usual / silence if silence else 1.0)

    def left(self, total: float | None, now: float) -> float | None:
        """Return the seconds until the count is ``total``; None if nobody knows.

        That is so without a total, before three changes and three seconds, and while the run is
        stalled. An estimate that hardly differs from the last one, less the time since, repeats it.
        """
        silence = now - self._at
        if total is None or not self._is_known(now) or silence > self._patience():
            return None
        to_do = max(0.0, total - self._current)
        left = max(0.0, to_do / self._speed() - min(silence, self._longest_gap))
        band = left * (STEADY + STEADY_DOUBTS * self._doubt)
        if self._end is None or abs(self._end - now - left) > band:
            self._end = now + left
        return max(0.0, self._end - now)

    def _is_known(self, now: float) -> bool:
        return self._changes >= CHANGES and now - self._began >= EARLIEST and self._speed() > 0

    def _speed(self) -> float:
        if self._rate or not self._seconds:
            return self._rate
        return self._units / self._seconds

    def _patience(self) -> float:
        """Return the seconds of silence after which the run counts as stalled."""
        return max(SILENCE, SILENCE_GAPS * self._longest_gap)

    def _is_jump(self, step: float, gap: float) -> bool:
        usual = self._changes > CHANGES and step > JUMP * self._step
        return usual and step > JUMP * self._speed() * gap

    def _take_stretch(self) -> None:
        units, seconds = self._units, self._seconds
        self._units = self._seconds = 0.0
        self._measure_noise(units / seconds, seconds)
        for memory in self._memories:
            memory.add(units, seconds)
        self._choose()

    def _measure_noise(self, speed: float, seconds: float) -> None:
        """Measure by the difference of two stretches in a row, which no slow change disturbs."""
        self._stretches += 1
        if self._stretches == 1:
            self._noise = speed * speed * seconds / 4
        else:
            noise = (speed - self._last_speed) ** 2 / 2 * seconds
            if self._stretches > 3:
                noise = min(noise, OUTLIER * self._noise)
            self._noise += (noise - self._noise) * max(NOISE_SHARE, 1 / self._stretches)
        self._last_speed = speed

    def _choose(self) -> None:
        """Take the rate of the longest memory that agrees with every shorter one."""
        low, high = 0.0, inf
        for number, memory in enumerate(self._memories):
            rate, doubt = memory.rate(), memory.doubt(self._noise)
            reach = DOUBTS * doubt + SLACK * rate
            low, high = max(low, rate - reach), min(high, rate + reach)
            if low > high:
                for longer in self._memories[number:]:
                    longer.become(self._memories[number - 1])
                return
            self._rate, self._doubt = rate, doubt / rate


class _Memory:
    """An exponential average of stretches: a stretch counts ``kept`` times the next one."""

    __slots__ = ("_kept", "_seconds", "_squares", "_units")

    def __init__(self, kept: float) -> None:
        self._kept = kept
        self._units = self._seconds = self._squares = 0.0

    def add(self, units: float, seconds: float) -> None:
        """Add the newest stretch."""
        self._units = self._units * self._kept + units
        self._seconds = self._seconds * self._kept + seconds
        self._squares = self._squares * self._kept**2 + seconds

    def rate(self) -> float:
        """Return the units a second; the division takes off what was before the first stretch."""
        return self._units / self._seconds

    def doubt(self, noise: float) -> float:
        """Return the standard error of the rate, for this variance of the units of a second."""
        return sqrt(noise * self._squares) / self._seconds

    def become(self, other: _Memory) -> None:
        """Remember only what the other one does."""
        self._units, self._seconds, self._squares = other._units, other._seconds, other._squares
