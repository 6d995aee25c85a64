"""Addresses and frames with tokens, as the starter of a task gives them to watchers."""

import json
import os

import django

from progress import make_token

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()  # the soak has not done that


def path(task_id):
    """The path of one task's websocket, with a token."""
    return f"/ws/progress/{task_id}/?token={make_token(task_id)}"


def subscribe(task_id):
    """The frame that subscribes to one task, with a token."""
    return json.dumps({"type": "subscribe", "task_id": task_id, "token": make_token(task_id)})
