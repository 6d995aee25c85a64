"""configure() instead of Django's settings, in processes without such settings."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from progress import configure

ROOT = Path(__file__).parent.parent
BEGIN = "from progress import configure\n"


def run(code):
    """Run this code in a new process; return its output, or the last line of its errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", BEGIN + code],
        cwd=ROOT,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_tokens_are_made_and_read():
    code = """
configure(redis_url="memory://", secret="x" * 50)
from progress import make_token
from progress.access.tokens import read_token
print(read_token(make_token("a")).task_id)
"""
    assert run(code) == "a"


def test_a_second_configure_with_the_same_arguments_changes_nothing():
    code = 'for _ in range(2): configure(redis_url="memory://", heartbeat=2)\nprint("fine")'
    assert run(code) == "fine"


def test_a_second_configure_with_other_arguments_is_an_error():
    code = 'configure(redis_url="memory://")\nconfigure(redis_url="memory://", heartbeat=2)'
    assert "configure() was called before, with other values" in run(code)


def test_with_djangos_settings_configure_is_an_error():
    with pytest.raises(ImproperlyConfigured, match="add 'progress' to INSTALLED_APPS"):
        configure(redis_url="memory://")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ('redis_url="memory://", colour="red"', "has no argument 'colour'; it takes first_frame, "),
        (
            'redis_url="memory://", origins=["example.com"]',
            "write an origin as scheme, host and port",
        ),
        ('redis_url="memory://", origins=["https://a.test/x"]', "write an origin as scheme"),
        ('redis_url="memory://", origins="https://a.test"', "origins is a list"),
        ('redis_url="memory://", heartbeat=20', "must be below PROGRESS_STALLED_AFTER"),
        ('redis_url="memory://", permission=3', "PROGRESS_PERMISSION must"),
        ('redis_url="memory://", permission="no.such.rule"', "cannot be imported"),
        ('redis_url=""', "PROGRESS_REDIS_URL is not set"),
    ],
)
def test_a_wrong_argument_raises_an_error_at_once(call, words):
    assert words in run(f"configure({call})")


def test_making_a_token_without_a_secret_is_an_error_that_says_so():
    code = 'configure(redis_url="memory://")\nfrom progress import make_token\nmake_token("a")'
    assert "progress.configure(secret=" in run(code)


def test_logging_is_left_to_the_host():
    code = """
import logging
configure(redis_url="memory://")
print(logging.getLogger("django").handlers, logging.getLogger().handlers)
"""
    assert run(code) == "[] []"


def test_pages_of_the_origins_may_watch_and_no_others():
    code = """
configure(redis_url="memory://", secret="x", origins=["https://a.test", "http://[::1]:8000"])
from progress.access.handshakes import Handshake
def foreign(host, origin):
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    return Handshake({"type": "websocket", "path": "/", "headers": headers}).is_foreign
print(foreign("a.test", "https://a.test"), foreign("[::1]:8000", "http://[::1]:8000"),
      foreign("b.test", "http://b.test"), foreign("a.test", "https://b.test"))
"""
    assert run(code) == "False False True True"
