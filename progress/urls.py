"""The URLs of the JavaScript, and of a task: ``path("progress/", include("progress.urls"))``."""

from __future__ import annotations

from django.urls import path

from .modules import serve_module
from .routing import TASK
from .transports.views import task_cancel, task_events, task_status

urlpatterns = [
    path("modules/<slug:digest>/<str:name>", serve_module, name="progress_module"),
    path(f"{TASK}/cancel/", task_cancel, name="task_cancel"),
    path(f"{TASK}/events", task_events, name="task_events"),
    path(f"{TASK}/", task_status, name="task_status"),
]
