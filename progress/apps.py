"""The Django app: connects to Celery, registers the system checks, and finds its static files."""

from __future__ import annotations

from django.apps import AppConfig

from .modules import add_to_staticfiles


class ProgressConfig(AppConfig):
    """The Django app; add ``"progress"`` to INSTALLED_APPS."""

    name = "progress"
    verbose_name = "Task progress"

    def ready(self) -> None:
        """Connect to Celery's and Django's signals; register the system checks."""
        from . import checks  # noqa: F401, PLC0415 - only once apps are loaded
        from .reporting import auth_signals, celery_signals  # noqa: PLC0415 - only once apps are loaded

        celery_signals.connect()
        auth_signals.connect()
        add_to_staticfiles()
