"""The URLs of a task over plain HTTP: ``path("progress/", include("progress.urls"))``."""

from __future__ import annotations

from django.urls import path

from .routing import TASK
from .transports.views import task_cancel, task_events, task_status

urlpatterns = [
    path(f"{TASK}/cancel/", task_cancel, name="task_cancel"),
    path(f"{TASK}/events", task_events, name="task_events"),
    path(f"{TASK}/", task_status, name="task_status"),
]
