"""The Django app: listens to Celery and checks the settings."""

from __future__ import annotations

from django.apps import AppConfig


class ProgressConfig(AppConfig):
    """``INSTALLED_APPS += ["progress"]``."""

    name = "progress"
    verbose_name = "Task progress"

    def ready(self) -> None:
        """Connect to Celery's and Django's signals; register the system checks."""
        from . import checks  # noqa: F401, PLC0415 - only once apps are loaded
        from .reporting import auth_signals, celery_signals  # noqa: PLC0415 - only once apps are loaded

        celery_signals.connect()
        auth_signals.connect()
