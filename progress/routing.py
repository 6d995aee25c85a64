"""The websocket addresses, for a Channels URLRouter.

ws/progress/<task_id>/   one task: its state at once, each newer one, the outcome, a close
ws/progress/             many tasks over one socket, by subscribe and unsubscribe frames
"""

from __future__ import annotations

from typing import Any

from django.urls import path

from .transports.consumers import ProgressConsumer

# Django's path() is annotated for views; Channels' URLRouter takes its patterns for applications.
application: Any = ProgressConsumer.as_asgi()

#: Where the page's shared socket is, and below it each task's own.
SOCKET_PATH = "ws/progress/"

websocket_urlpatterns = [
    path(SOCKET_PATH, application, name="progress_socket"),
    path(f"{SOCKET_PATH}<path:task_id>/", application, name="task_socket"),
]
