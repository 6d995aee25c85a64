"""Checks of the Celery application."""

import subprocess
import sys

import pytest
from celery import current_app

from tests.checks.conftest import URL

#: Names no Celery application, as a site does that never imports its celery.py.
SITE = """
import django
from django.conf import settings
from progress.layers import redis_layer
settings.configure(
    INSTALLED_APPS=["progress"],
    PROGRESS_REDIS_URL="{url}",
    CHANNEL_LAYERS={{"default": redis_layer("{url}")}},
    ASGI_APPLICATION="progress.asgi.application",
)
django.setup()
from progress.checks import check_settings
for message in check_settings():
    print(message.id, message.msg)
"""


def test_pickle_is_reported(ids):
    current_app.conf.accept_content = ["json", "pickle"]
    assert ids() == ["W002"]


def test_an_application_without_a_broker_is_reported(ids):
    current_app.conf.broker_url = None
    assert ids() == ["W010"]


def test_a_broker_only_for_writing_is_enough(ids):
    current_app.conf.broker_url = None
    current_app.conf.broker_write_url = URL
    assert ids() == []


@pytest.mark.parametrize(
    ("broker", "expected"), [(None, ["progress.W009"]), ("redis://localhost:6379/1", [])]
)
def test_a_process_without_an_application_of_its_own_is_reported(broker, expected):
    """Unless the environment names the broker, as Celery lets it."""
    env = {"CELERY_BROKER_URL": broker} if broker else {}
    code = [sys.executable, "-c", SITE.format(url=URL)]
    done = subprocess.run(code, check=True, env=env, capture_output=True, text=True, timeout=60)
    assert [line.split()[0] for line in done.stdout.splitlines()] == expected


def test_an_application_that_only_the_urls_import_is_found(tmp_path):
    (tmp_path / "urls.py").write_text(
        "from celery import Celery\n"
        "from django.urls import include, path\n"
        "app = Celery(broker='redis://localhost:6379/1')\n"
        "urlpatterns = [path('progress/', include('progress.urls'))]\n"
    )
    site = SITE.format(url=URL).replace("INSTALLED_APPS", "ROOT_URLCONF='urls', INSTALLED_APPS")
    code = [sys.executable, "-c", site]
    more = {"cwd": tmp_path, "env": {}, "capture_output": True, "text": True, "timeout": 60}
    assert subprocess.run(code, check=True, **more).stdout == ""


def test_eager_tasks_with_a_store_in_redis_are_reported(ids, settings):
    current_app.conf.task_always_eager = True
    assert ids() == ["W011"]
    settings.PROGRESS_REDIS_URL = "memory://"
    assert ids() == []
