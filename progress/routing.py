"""The websocket addresses, for a Channels URLRouter.

    ws/progress/<task_id>/   one task: its state at once, each newer one, the outcome, a close
    ws/progress/             many tasks over one socket, by subscribe and unsubscribe frames
"""

from __future__ import annotations

from django.urls import path

from .consumers import ProgressConsumer

#: Where the page's shared socket is, and below it each task's own.
SOCKET_PATH = "ws/progress/"

websocket_urlpatterns = [
    path(SOCKET_PATH, ProgressConsumer.as_asgi(), name="progress_socket"),
    path(f"{SOCKET_PATH}<path:task_id>/", ProgressConsumer.as_asgi(), name="task_socket"),
]
