"""The publisher of a process whose settings are wrong."""

import pytest

from progress.reporting.current import current_publisher


@pytest.mark.parametrize(
    "url", ["", "nonsense", "http://localhost", "redis://localhost:port/0", "sentinel://one", 5]
)
def test_a_wrong_url_is_logged_once_and_raises_nowhere(settings, caplog, url):
    """User.save() asks for the publisher, too."""
    settings.PROGRESS_REDIS_URL = url
    assert [current_publisher() for _ in range(3)] == [None] * 3
    assert [record.message[:24] for record in caplog.records] == ["No progress is published"]
