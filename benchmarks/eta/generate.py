"""Draws how fourteen kinds of work progress, each from a seed, and records them as traces.

    python -m benchmarks.eta.generate

writes the recorded ones again, with the same figures. Another seed draws other speeds, sizes and
moments for the same kinds of work.
"""

import random

from benchmarks.eta.traces import Trace, write

INTERVAL = 0.1  # seconds between two readings of a task, PROGRESS_INTERVAL
RECORDED = "recorded"  # the seed of the traces in the folder


def generated(seed):
    """Return one trace of each kind, drawn from the seed."""
    return [KINDS[name](name, random.Random(f"{name} {seed}")) for name in KINDS]


def _trace(name, steps, *, initial=0, totals=(), first=0.0):
    """Return the trace of these steps (seconds, units), as a reader sees it every INTERVAL."""
    total = initial + sum(units for _, units in steps)
    at, current, shown = first, initial, [(0.0, initial, totals[0][1] if totals else total)]
    waiting, totals = None, list(totals)
    for seconds, units in steps:
        at, current = at + seconds, current + units
        while totals and totals[0][0] <= current:
            total = totals.pop(0)[1]
        tick = round((int(at / INTERVAL) + 1) * INTERVAL, 1)
        if waiting is not None and waiting[0] != tick:
            shown.append(waiting)
        waiting = (tick, current, total)
    return Trace(name, [*shown, waiting])


def _steady(name, draw):
    """Every step takes as long, within 2 %."""
    each = draw.uniform(0.05, 0.2)
    return _trace(name, [(each * draw.uniform(0.98, 1.02), 1) for _ in range(int(90 / each))])


def _noisy(name, draw):
    """How long a step takes spreads over a factor of ten."""
    each = draw.uniform(0.1, 0.4)
    return _trace(name, [(each * draw.lognormvariate(-0.5, 1), 1) for _ in range(int(120 / each))])


def _bursts(name, draw):
    """Batches of drawn size come at drawn times, each within half a second."""
    steps = []
    for _ in range(draw.randint(35, 50)):
        steps.append((draw.uniform(1, 5), 1))
        size = draw.randint(20, 60)
        steps += [(0.5 / size, 1)] * size
    return _trace(name, steps)


def _two_speeds(draw, slow, fast, share):
    """Two parts of the work, at rates in units a second, with steps that spread by a third."""
    rates = [(slow, share), (fast, 1 - share)]
    steps = []
    for rate, part in rates:
        steps += [(draw.gauss(1, 0.3) / rate, 1) for _ in range(int(part * 2000))]
    return [(max(seconds, 0.001), units) for seconds, units in steps]


def _faster(name, draw):
    """The speed rises three to six times in the middle."""
    rate = draw.uniform(8, 12)
    return _trace(name, _two_speeds(draw, rate, rate * draw.uniform(3, 6), draw.uniform(0.25, 0.4)))


def _slower(name, draw):
    """The speed falls to a third or a sixth in the middle."""
    rate = draw.uniform(8, 12)
    return _trace(name, _two_speeds(draw, rate * draw.uniform(3, 6), rate, draw.uniform(0.6, 0.75)))


def _phases(name, draw):
    """Parsing, importing, indexing: three parts, each with a speed and a spread of its own."""
    steps = []
    for units, rate, spread in ((800, 40, 0.1), (900, 9, 0.5), (700, 25, 0.3)):
        its_rate = rate * draw.uniform(0.7, 1.4)
        steps += [(draw.lognormvariate(0, spread) / its_rate, 1) for _ in range(units)]
    return _trace(name, steps)


def _resume(name, draw):
    """An earlier run did most of the work, and the task says so."""
    done = draw.randint(6000, 8500)
    each = draw.uniform(0.03, 0.06)
    steps = [(each * draw.lognormvariate(-0.125, 0.5), 1) for _ in range(2000)]
    return _trace(name, steps, initial=done)


def _resume_unsaid(name, draw):
    """An earlier run did most of the work, and the bar jumps there by its first report."""
    each = draw.uniform(0.03, 0.06)
    steps = [(each * draw.lognormvariate(-0.125, 0.5), 1) for _ in range(2000)]
    return _trace(name, [(1.0, draw.randint(6000, 8500)), *steps])


def _skips(name, draw):
    """Twice in its first half the task finds thousands of units that are done already."""
    each = draw.uniform(0.04, 0.08)
    steps = [(each * draw.lognormvariate(-0.125, 0.5), 1) for _ in range(2000)]
    for at in draw.sample(range(100, 1000), 2):
        steps[at] = (each, draw.randint(800, 2500))
    return _trace(name, steps)


def _growing(name, draw):
    """A crawler finds more work while it works, until two thirds of it are done."""
    each = draw.uniform(0.04, 0.08)
    steps = [(each * draw.lognormvariate(-0.125, 0.5), 1) for _ in range(2000)]
    found = [0, *sorted(draw.sample(range(100, 1400), 30))]
    totals = [(at, 700 + int(1300 * number / 30)) for number, at in enumerate(found)]
    return _trace(name, steps, totals=totals)


def _minute(name, draw):
    """Each step takes about a minute."""
    return _trace(name, [(60 * draw.uniform(0.8, 1.2), 1) for _ in range(draw.randint(20, 30))])


def _slow_start(name, draw):
    """Caches are cold: nothing for seconds, then ever faster until the full speed."""
    each = draw.uniform(0.03, 0.06)
    cold = draw.randint(100, 300)
    slow = [each * (1 + 15 * (1 - number / cold)) for number in range(cold)]
    steps = [*slow, *([each] * 2000)]
    steps = [(seconds * draw.lognormvariate(-0.03, 0.25), 1) for seconds in steps]
    return _trace(name, steps, first=draw.uniform(4, 10))


def _long_tail(name, draw):
    """A few large files among many small ones; the larger, the later."""
    sizes = [0.04 * draw.paretovariate(1.3) for _ in range(1000)]
    ordered = sorted(sizes, key=lambda size: min(size, 4) + draw.uniform(0, 0.4))
    return _trace(name, [(min(size, 4), 1) for size in ordered])


def _pauses(name, draw):
    """A remote service makes the task wait three times for 10 to 25 s."""
    each = draw.uniform(0.04, 0.08)
    steps = [(each * draw.lognormvariate(-0.125, 0.5), 1) for _ in range(2000)]
    for at in draw.sample(range(200, 1800), 3):
        steps[at] = (draw.uniform(10, 25), 1)
    return _trace(name, steps)


def _tiring(name, draw):
    """Each step takes a little longer than the one before, three times as long in the end."""
    each, longer = draw.uniform(0.03, 0.06), draw.uniform(1.5, 3)
    steps = [each * (1 + longer * number / 2000) for number in range(2000)]
    return _trace(name, [(seconds * draw.lognormvariate(-0.08, 0.4), 1) for seconds in steps])


KINDS = {
    "steady": _steady,
    "noisy": _noisy,
    "bursts": _bursts,
    "faster": _faster,
    "slower": _slower,
    "phases": _phases,
    "resume": _resume,
    "resume-unsaid": _resume_unsaid,
    "skips": _skips,
    "growing": _growing,
    "minute": _minute,
    "slow-start": _slow_start,
    "long-tail": _long_tail,
    "pauses": _pauses,
    "tiring": _tiring,
}

if __name__ == "__main__":
    for each in generated(RECORDED):
        write(each)
        print(each.name, len(each.reports), "reports in", each.duration, "s")
