"""Checks of the PROGRESS_ settings and the channel layer."""

import pytest
from celery import current_app

from progress import conf

IN_MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


def test_a_sound_site_passes(ids):
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
        ("PROGRESS_RETENTION", "a day", "E001"),
        ("PROGRESS_RETENTION", 3899, "I001"),
        ("PROGRESS_LOST_AFTER", 86401, "I001"),
        ("PROGRESS_TOKEN_LIFETIME", -1, "E006"),
        ("PROGRESS_FIRST_FRAME", None, "E006"),
        ("PROGRESS_FRAME_LIMIT", 0, "E006"),
        ("PROGRESS_SUBSCRIPTIONS", 1.5, "E006"),
        ("PROGRESS_SOCKETS_PER_USER", True, "E006"),
        ("PROGRESS_PERMISSION", "nowhere.may", "E006"),
        ("PROGRESS_PERMISSION", "tests.checks.conftest.URL", "E006"),
        ("PROGRESS_REDIS_URL", "http://localhost", "E002"),
        ("PROGRESS_REDIS_URL", "memory://", "E003"),
        ("CHANNEL_LAYERS", {}, "E004"),
        ("CHANNEL_LAYERS", IN_MEMORY, "E005"),
        (
            "CHANNEL_LAYERS",
            {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer"}},
            "W001",
        ),
    ],
)
def test_a_wrong_setting_is_reported(settings, ids, name, value, expected):
    setattr(settings, name, value)
    assert ids() == [expected]


def test_a_retention_as_long_as_a_lost_task_takes_is_enough(settings, ids):
    settings.PROGRESS_RETENTION = conf.lost_after()
    assert ids() == []


def test_memory_is_enough_where_tasks_run_in_the_process(settings, ids):
    current_app.conf.broker_url = "memory://"
    settings.PROGRESS_REDIS_URL = "memory://"
    settings.CHANNEL_LAYERS = IN_MEMORY
    assert ids() == []
