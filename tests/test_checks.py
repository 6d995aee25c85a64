"""What ``manage.py check`` says of the settings."""

from pathlib import Path

import pytest
from celery import current_app

from progress.checks import check_settings
from progress.layers import redis_layer

ROOT = Path(__file__).parent.parent
URL = "redis://localhost:6379/0"
IN_MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


@pytest.fixture(autouse=True)
def sound(settings):
    """Settings that all checks pass, from which each test takes something away."""
    settings.PROGRESS_REDIS_URL = URL
    settings.CHANNEL_LAYERS = {"default": redis_layer(URL)}
    before = {name: current_app.conf[name] for name in ("accept_content", "broker_url")}
    current_app.conf.broker_url = URL
    yield
    current_app.conf.update(before)


def ids():
    messages = check_settings()
    assert all(message.hint for message in messages), "each says how to mend it"
    return [message.id.rpartition(".")[2] for message in messages]


def test_sound_settings_pass():
    assert ids() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PROGRESS_REDIS_URL", "", "E001"),
        ("PROGRESS_REDIS_URL", None, "E001"),
        ("PROGRESS_INTERVAL", "fast", "E001"),
        ("PROGRESS_HEARTBEAT", 0, "E001"),
        ("PROGRESS_STALLED_AFTER", 4, "E001"),
        ("PROGRESS_LOST_AFTER", 15, "E001"),
        ("PROGRESS_TOKEN_LIFETIME", -1, "E006"),
        ("PROGRESS_FIRST_FRAME", None, "E006"),
        ("PROGRESS_FRAME_LIMIT", 0, "E006"),
        ("PROGRESS_SUBSCRIPTIONS", 1.5, "E006"),
        ("PROGRESS_SOCKETS_PER_USER", True, "E006"),
        ("PROGRESS_PERMISSION", "nowhere.may", "E006"),
        ("PROGRESS_PERMISSION", "tests.test_checks.URL", "E006"),
        ("PROGRESS_REDIS_URL", "http://localhost", "E002"),
        ("PROGRESS_REDIS_URL", "memory://", "E003"),
        ("CHANNEL_LAYERS", {}, "E004"),
        (
            "CHANNEL_LAYERS",
            IN_MEMORY,
            "E005",
        ),
        (
            "CHANNEL_LAYERS",
            {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer"}},
            "W001",
        ),
    ],
)
def test_what_is_missing_is_said(settings, name, value, expected):
    setattr(settings, name, value)
    assert ids() == [expected]


def test_pickle_is_warned_of():
    current_app.conf.accept_content = ["json", "pickle"]
    assert ids() == ["W002"]


def test_memory_is_fine_where_no_task_leaves_the_process(settings):
    current_app.conf.broker_url = "memory://"
    settings.PROGRESS_REDIS_URL = "memory://"
    settings.CHANNEL_LAYERS = IN_MEMORY
    assert ids() == []
