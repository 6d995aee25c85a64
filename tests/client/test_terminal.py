"""The watcher in a terminal, as a shell and a person at a terminal see it."""

import asyncio
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from progress import make_token
from progress.client.amounts import counts, elapsed, speed, time_left
from progress.client.terminal import Lines, inert, line
from progress.events import Event, State
from progress.store.redis import RedisStore
from tests.support.jobs import Job, web_in
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
WATCH = ["-m", "progress.watch"]
WITHOUT = """
import sys
sys.modules["{}"] = None
from progress.watch import main
sys.exit(main())
"""
MANAGE = ["-m", "django", "watchprogress"]


@pytest.fixture(scope="module")
def web(valkey, tmp_path_factory):
    """Daphne, with the store that the tests' own process reports to."""
    with web_in(tmp_path_factory.mktemp("web"), valkey) as web:
        yield web


@pytest.fixture(autouse=True)
def _store(redis_url):
    """Empty, and where the reports of the tests go."""


@pytest.fixture(params=["url", "manage"])
def command(request, redis_url):
    """How the watching of a task is started, by each of the two programs."""
    if request.param == "manage":
        return lambda task_id, *options: [*MANAGE, task_id, *options]
    web = request.getfixturevalue("web")
    return lambda task_id, *options: [*WATCH, web.url(task_id), *options]


def store_text(valkey, task_id):
    """The event that the store has of this task."""
    with Redis.from_url(f"{valkey.connection_url}/0") as client:
        return client.get(f"progress:event:{task_id}")


async def put(store, event):
    [(accepted, _)] = await store.put([event])
    assert accepted
    await store.aclose()


class Shell:
    """Starts the program, and ends what is left of it."""

    def __init__(self, redis_url):
        self._env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "TEST_REDIS_URL": redis_url,
            "TERM": "xterm",
            "COLUMNS": "100",
        }
        self.started = []

    def start(self, arguments, *, stdout=subprocess.PIPE, **env):
        program = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**self._env, **env},
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(program)
        return program

    def run(self, arguments, **env):
        """What it wrote, what it complained of, and its exit status."""
        program = self.start(arguments, **env)
        return *program.communicate(timeout=60), program.returncode


@pytest.fixture
def shell(redis_url):
    shell = Shell(redis_url)
    yield shell
    for program in shell.started:
        program.kill()
        program.communicate()


class Terminal:
    """One that a program writes to; ``text`` is all that came."""

    def __init__(self):
        self._end, self.device = pty.openpty()
        termios.tcsetwinsize(self.device, (24, 100))
        self.text = ""

    def read_until(self, pattern):
        """Until the pattern is there, or at the end of output without one."""
        while pattern is None or not re.search(pattern, self.text):
            try:
                self.text += os.read(self._end, 4096).decode()
            except OSError:  # Linux' way to say that no program has it open any more
                break
        assert pattern is None or re.search(pattern, self.text), self.text
        return self.text

    def close(self):
        os.close(self._end)


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    terminal.close()


def at(terminal, shell, arguments, **env):
    """Start the program there."""
    program = shell.start(arguments, stdout=terminal.device, **env)
    os.close(terminal.device)
    return program


def lines_until(program, pattern):
    seen = []
    while not (seen and re.search(pattern, seen[-1])):
        seen.append(program.stdout.readline())
        assert seen[-1], (seen, program.stderr.read())
    return seen


def test_without_a_terminal_it_writes_lines(command, shell):
    job = Job(1000)
    job.say(123)
    program = shell.start(command(job.id))
    lines_until(program, r"^ 12%  123/1,000  Importing\n$")
    job.say(129, "Checking")
    lines_until(program, r"^ 12%  129/1,000  Checking\n$")
    job.end()
    rest, errors = program.communicate(timeout=30)
    assert (rest, errors, program.returncode) == ("done\n", "", 0)


def test_as_json_it_writes_each_event_as_it_came(command, shell):
    job = Job()
    job.say(3, "a — b")
    program = shell.start(command(job.id, "--json"))
    first = Event.from_text(lines_until(program, '"current":3')[-1].encode())
    assert (first.percent, first.description) == (30, "a — b")
    job.end(result={"url": "/report"})
    rest, _ = program.communicate(timeout=30)
    last = json.loads(rest.splitlines()[-1])
    assert (last["state"], last["result"]) == ("SUCCESS", {"url": "/report"})
    assert program.returncode == 0


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        (State.FAILURE, "No such file.", "failed: No such file."),
        (State.REVOKED, None, "cancelled"),
    ],
)
def test_a_task_that_does_not_succeed_is_status_1(command, shell, state, error, words):
    job = Job()
    job.end(state, error=error)
    assert shell.run(command(job.id)) == (f"{words}\n", "", 1)


def test_an_unknown_task_is_status_3(command, shell):
    out, errors, status = shell.run(command("nobody"))
    assert (out, status) == ("unknown\n", 3)
    assert errors.endswith("the server knows no task with this id\n")


def test_no_right_to_watch_is_status_3(web, shell):
    job = Job()
    url = web.url(job.id).partition("?")[0]
    _, errors, status = shell.run([*WATCH, url, "--token", "nonsense"])
    assert (status, errors.count("\n")) == (3, 1)
    assert "no right to watch" in errors
    assert "nonsense" not in errors


def test_the_token_may_be_an_option(web, shell):
    job = Job()
    job.end()
    url = web.url(job.id).partition("?")[0]
    assert shell.run([*WATCH, url, "--token", make_token(job.id)]) == ("done\n", "", 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required: url"),
        (["http://host/?token=secret"], "ws:// or wss://"),
        (["ws://host/ws/progress/?token=secret"], "tasks="),
        (["ws://host/a/", "ws://host/b/?token=secret"], "one URL"),
        (["ws://host/a/", "--patience", "long"], "--patience"),
    ],
)
def test_wrong_usage_is_status_2(shell, arguments, words):
    out, errors, status = shell.run([*WATCH, *arguments])
    assert (out, status) == ("", 2)
    assert words in errors
    assert "secret" not in errors


def test_a_server_that_cannot_be_reached_is_status_4(shell):
    url = f"ws://127.0.0.1:{free_port()}/ws/progress/a/?token=secret"
    out, errors, status = shell.run([*WATCH, url, "--patience", "0.5"])
    assert (out, status) == ("", 4)
    assert "no connection for 0.5 s" in errors
    assert "secret" not in errors


def test_ctrl_c_is_status_130(command, shell):
    job = Job()
    job.say(1)
    program = shell.start(command(job.id))
    lines_until(program, "10%")
    program.send_signal(signal.SIGINT)
    assert program.communicate(timeout=30) == ("", "")
    assert program.returncode == 130


def test_it_ends_silently_when_nobody_reads_the_output(command, shell):
    job = Job()
    job.say(1)
    program = shell.start(command(job.id))
    lines_until(program, "10%")
    program.stdout.close()
    job.say(2)
    assert program.stderr.read() == ""
    assert program.wait(30) == 141


def plain(text):
    """What is left to be read of what a terminal was sent."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_in_a_terminal_it_draws_a_bar(command, shell, terminal):
    job = Job(1000)
    job.say(100)
    program = at(terminal, shell, command(job.id))
    terminal.read_until("10%  100/1,000")
    for current in range(150, 500, 50):
        job.say(current)
    terminal.read_until(r"45%  450/1,000 +0:0\d")
    job.end()
    last = plain(terminal.read_until(None)).splitlines()[-1]
    assert last == "done"
    assert re.search(r"Importing ━+╺━+ +45%  450/1,000", plain(terminal.text))
    assert terminal.text.rindex("\x1b[?25h") > terminal.text.rindex("\x1b[?25l")  # the cursor
    assert (program.stderr.read(), program.wait(30)) == ("", 0)


def test_the_bar_shows_the_unit_the_rate_and_times_that_run_on(web, shell, terminal, valkey):
    job = Job()
    job.say(5)
    store = RedisStore(f"{valkey.connection_url}/0")
    running = Event.from_text(store_text(valkey, job.id))
    event = replace(running, whole=None, unit="B", current=1.5e6, total=2e7, rate=1e5, eta=180)
    asyncio.run(put(store, event))
    program = at(terminal, shell, [*WATCH, web.url(job.id)])
    terminal.read_until(r"  7%  1\.5/20 MB +0:0\d  100 kB/s  about 3 minutes left")
    terminal.read_until(r"0:02  100 kB/s")
    job.end()
    terminal.read_until(None)
    assert program.wait(30) == 0


def test_a_long_description_leaves_room_for_the_bar(web, shell, terminal):
    job = Job()
    job.say(5, "A very long description. " * 9)
    at(terminal, shell, [*WATCH, web.url(job.id)])
    terminal.read_until("5/10")
    assert re.search(r"A very long description. A ve… ━{8,}", plain(terminal.text))


def test_an_unknown_total_is_drawn_as_a_pulse_and_a_count(command, shell, terminal):
    job = Job(None)
    job.say(1234)
    program = at(terminal, shell, command(job.id))
    terminal.read_until("1,234")
    job.end(State.FAILURE, error="[red]No[/red] \x1b[2Jfile")
    text = plain(terminal.read_until(None))
    assert "%" not in text
    assert text.splitlines()[-1] == "failed: [red]No[/red] file"
    assert program.wait(30) == 1


def test_a_description_cannot_command_the_terminal(command, shell, terminal):
    job = Job()
    job.say(5, "[bold]a[/bold] \x1b]0;title\x07\x1b[31mred\x9b2J \u202eback\r\nnext")
    program = at(terminal, shell, command(job.id))
    terminal.read_until("50%")
    job.end()
    text = terminal.read_until(None)
    assert "[bold]a[/bold] red" in text
    for each in ("title", "\x1b[31m", "\x9b", "\u202e"):
        assert each not in text
    assert program.wait(30) == 0


def test_ctrl_c_shows_the_cursor_again(web, shell, terminal):
    job = Job()
    job.say(5)
    program = at(terminal, shell, [*WATCH, web.url(job.id)])
    terminal.read_until("50%")
    program.send_signal(signal.SIGINT)
    assert terminal.read_until(None).rindex("\x1b[?25h") > terminal.text.rindex("\x1b[?25l")
    assert (program.stderr.read(), program.wait(30)) == ("", 130)


@pytest.mark.parametrize("how", ["without rich", "dumb"])
def test_a_terminal_that_cannot_draw_gets_lines(web, shell, terminal, how):
    job = Job()
    job.end()
    code = WITHOUT.format("rich")
    arguments = WATCH if how == "dumb" else ["-c", code]
    term = "dumb" if how == "dumb" else "xterm"
    program = at(terminal, shell, [*arguments, web.url(job.id)], TERM=term)
    assert terminal.read_until(None) == "done\r\n"
    assert (program.stderr.read(), program.wait(30)) == ("", 0)


def test_the_error_without_websockets_names_what_to_install(shell):
    code = ["-c", WITHOUT.format("websockets")]
    out, errors, status = shell.run([*code, "ws://127.0.0.1:1/ws/progress/a/"])
    assert (out, status) == ("", 4)
    assert errors.endswith("pip install channels-progress[client]\n")


def test_settings_without_a_store_are_status_2(shell, redis_url):
    out, errors, status = shell.run([*MANAGE, "a"], TEST_REDIS_URL="", TEST_LAYER_URL=redis_url)
    assert (out, status) == ("", 2)
    assert "PROGRESS_REDIS_URL" in errors


def shown(**values):
    """The numbers of which lines are written, as they are counted to."""
    screen = io.StringIO()
    display = Lines(screen)
    for current in range(251):
        display.show(Event(task_id="a", state=State.PROGRESS, current=current, **values))
    lines = screen.getvalue().splitlines()
    return [int(re.search(r"(\d+)(/|  of)|$", line)[1] or 0) for line in lines]


def test_lines_are_written_where_the_percent_changes():
    assert shown(total=1000) == list(range(0, 251, 10))


def test_with_an_unknown_total_lines_become_rarer():
    assert shown(description="of") == [*range(10), *range(10, 100, 10), 100, 200]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"state": State.PENDING}, "waiting"),
        ({"state": State.STARTED}, "started"),
        ({"state": State.PROGRESS, "current": 2.5, "total": 10}, " 25%  2.5/10"),
        ({"state": State.PROGRESS, "current": 99.9, "total": 100}, " 99%  99.9/100"),
        ({"state": State.PROGRESS, "current": 7}, "7"),
        ({"state": State.PROGRESS}, "running"),
        ({"state": State.PROGRESS, "total": 0}, " 99%  0/0"),
        (
            {
                "state": State.PROGRESS,
                "current": 5,
                "total": 10,
                "unit": "rows",
                "rate": 0.25,
                "eta": 20,
                "description": "Importing",
            },
            " 50%  5/10 rows  Importing  0.25 rows/s  about 20 seconds left",
        ),
        ({"state": State.PROGRESS, "current": 7, "unit": "\x1b[2Jrows"}, "7 rows"),
        (
            {"state": State.PROGRESS, "total": 4, "stalled": True},
            "  0%  0/4  (worker not responding)",
        ),
        ({"state": State.STARTED, "stalled": True}, "worker not responding"),
        ({"state": State.RETRY, "error": "Busy."}, "to be tried again: Busy."),
        ({"state": State.SUCCESS}, "done"),
    ],
)
def test_the_words_of_an_event(values, words):
    assert line(Event(task_id="a", **values)) == words


@pytest.mark.parametrize(
    ("current", "total", "unit", "words"),
    [
        (3, 10, None, "3/10"),
        (1234, None, "rows", "1,234 rows"),
        (0, None, "B", "0 B"),
        (999, 1000, "B", "0.999/1 kB"),
        (1500, 2_000_000, "B", "0.0015/2 MB"),
        (2**53, None, "B", "9.01 PB"),
    ],
)
def test_the_words_of_an_amount(current, total, unit, words):
    assert counts(current, total, unit) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (-3, "a few seconds left"),
        (12, "about 10 seconds left"),
        (55, "about 1 minute left"),
        (180, "about 3 minutes left"),
        (5390, "about 90 minutes left"),
        (7200, "about 2 hours left"),
        (200_000, "about 2 days left"),
    ],
)
def test_the_words_of_the_time_left(seconds, words):
    assert time_left(seconds) == words


def test_the_words_of_a_rate_and_of_the_time_elapsed():
    assert (speed(None, "rows"), speed(40, "rows"), speed(1.5e6, "B")) == (
        "",
        "40 rows/s",
        "1.5 MB/s",
    )
    assert (elapsed(65.9), elapsed(7265), elapsed(-1)) == ("1:05", "2:01:05", "0:00")


def test_control_sequences_are_removed_from_a_text():
    assert inert("a\x1b[1;31mb\x1b]8;;http://x\x1b\\c\x1b[0m") == "abc"
    assert inert("\x1bP1$r\x1b\\a\nb\tc\x00\x7f\x9bd\ud800") == "a b c   d\ufffd"
    assert inert("\x1b]0;never ended") == ""
    assert inert("日本 👩\u200d💻 é") == "日本 👩\u200d💻 é"
