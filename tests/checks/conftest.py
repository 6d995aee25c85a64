"""A site that passes all checks; each test takes something away from it."""

import pytest
from celery import current_app

from progress.checks import check_settings
from progress.layers import redis_layer
from tests.support.celery import app

URL = "redis://localhost:6379/0"


@pytest.fixture(autouse=True)
def sound(settings):
    """Settings that all checks pass."""
    settings.PROGRESS_REDIS_URL = URL
    settings.CHANNEL_LAYERS = {"default": redis_layer(URL)}
    assert current_app.main == app.main
    names = "accept_content", "broker_url", "broker_write_url", "task_always_eager"
    before = {name: current_app.conf[name] for name in names}
    current_app.conf.broker_url = URL
    yield
    current_app.conf.update(before)


def found(messages):
    """The number of each message, once each was seen to have a remedy."""
    assert all(message.hint for message in messages)
    return [message.id.removeprefix("progress.") for message in messages]


@pytest.fixture
def ids():
    """What ``manage.py check`` finds."""
    return lambda: found(check_settings())
