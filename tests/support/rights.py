"""What whoever starts a task gives to those who are to watch it."""

import json
import os

import django

from progress import make_token

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()  # the soak is run by nobody who did


def path(task_id):
    """The websocket address of one task."""
    return f"/ws/progress/{task_id}/?token={make_token(task_id)}"


def subscribe(task_id):
    """The frame that asks for one task."""
    return json.dumps({"type": "subscribe", "task_id": task_id, "token": make_token(task_id)})
