"""The websocket addresses, for a Channels URLRouter.

ws/progress/<task_id>/   one task: its state at once, each newer one, the outcome, a close
ws/progress/             many tasks over one socket, by subscribe and unsubscribe frames

``no_such_address`` is an application for a last route: it closes every other websocket with 4404.
"""

from __future__ import annotations

from typing import Any

from django.urls import path, register_converter

from .paths import TaskIdConverter
from .transports.consumers import ProgressConsumer, no_such_address

__all__ = ["no_such_address", "websocket_urlpatterns"]

register_converter(TaskIdConverter, "progress_task_id")

#: A task id in a route; see ``paths`` for how it is written.
TASK = "<progress_task_id:task_id>"
# Django's path() is annotated for views; Channels' URLRouter takes its patterns for applications.
application: Any = ProgressConsumer.as_asgi()

#: The address of a page's shared socket; each task's own is below it.
SOCKET_PATH = "ws/progress/"

websocket_urlpatterns = [
    path(SOCKET_PATH, application, name="progress_socket"),
    path(f"{SOCKET_PATH}{TASK}/", application, name="task_socket"),
]
