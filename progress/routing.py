"""The websocket addresses, for a Channels URLRouter.

ws/progress/<task_id>/   one task: sends its state, each newer state and the outcome, then closes
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

#: A task id in a route, encoded as ``paths`` describes.
TASK = "<progress_task_id:task_id>"
# Django annotates path() for views only; Channels' URLRouter accepts applications in its place.
application: Any = ProgressConsumer.as_asgi()

#: The path of the socket for many tasks; the sockets for one task are below it.
SOCKET_PATH = "ws/progress/"

websocket_urlpatterns = [
    path(SOCKET_PATH, application, name="progress_socket"),
    path(f"{SOCKET_PATH}{TASK}/", application, name="task_socket"),
]
