"""Puts the clock of a process TEST_CLOCK_AHEAD seconds ahead; a worker of a row includes this."""

import os
import time

AHEAD = float(os.environ["TEST_CLOCK_AHEAD"])

_time, _time_ns = time.time, time.time_ns

time.time = lambda: _time() + AHEAD
time.time_ns = lambda: _time_ns() + int(AHEAD * 1e9)
