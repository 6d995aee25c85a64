"""A task over plain HTTP: ``path("progress/", include("progress.urls"))``."""

from __future__ import annotations

from django.urls import path

from .transports.views import task_cancel, task_events, task_status

urlpatterns = [
    path("<path:task_id>/cancel/", task_cancel, name="task_cancel"),
    path("<path:task_id>/events", task_events, name="task_events"),
    path("<path:task_id>/", task_status, name="task_status"),
]
