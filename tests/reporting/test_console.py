"""ConsoleProgressRecorder draws a bar in a terminal."""

import io
import sys

import pytest

from progress import ConsoleProgressRecorder
from tests.support.celery import plain_code


def test_plain_code_draws_a_bar_in_a_terminal():
    screen = io.StringIO()
    with ConsoleProgressRecorder(file=screen, mininterval=0) as recorder:
        assert plain_code("abc", recorder) == "done"
    assert "Item 3: 100%" in screen.getvalue()
    assert "3/3" in screen.getvalue()


def test_increment_progress_advances_the_bar():
    screen = io.StringIO()
    with ConsoleProgressRecorder(file=screen, mininterval=0) as recorder:
        recorder.set_progress(1, None, "Reading")
        recorder.increment_progress(by=2)
    assert "Reading: 3it" in screen.getvalue()


def test_without_tqdm_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match=r"channels-progress\[console\]"):
        ConsoleProgressRecorder()
