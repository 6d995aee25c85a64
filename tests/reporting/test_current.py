"""The publisher of a process whose settings are wrong."""

from multiprocessing import util

import pytest

from progress.reporting.current import adopt, current_publisher
from progress.reporting.runs import Run


@pytest.mark.parametrize(
    "url", ["", "nonsense", "http://localhost", "redis://localhost:port/0", "sentinel://one", 5]
)
def test_a_wrong_url_is_logged_once_and_raises_nowhere(settings, caplog, url):
    """User.save() needs the publisher too, and must not fail."""
    settings.PROGRESS_REDIS_URL = url
    assert [current_publisher() for _ in range(3)] == [None] * 3
    assert [record.message[:24] for record in caplog.records] == ["No progress is published"]


def test_a_forked_process_with_many_adopted_runs_registers_one_exit_function(redis_url):
    before = len(util._finalizer_registry)
    for name in "abc":
        adopt(Run(name))
    assert len(util._finalizer_registry) == before + 1
