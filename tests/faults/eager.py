"""Runs one eager task: ``python -m tests.faults.eager <task id>``; TEST_WITHOUT as in a worker."""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

if os.environ.get("TEST_WITHOUT"):
    import tests.faults.without  # noqa: F401 - it switches a mitigation off
from tests.support.celery import app, count  # noqa: E402 - after Django is set up

app.conf.task_always_eager = True
count.apply_async((20, 0.05), task_id=sys.argv[1])
