"""The demo as a Django app."""

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "project"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Here and not in __init__.py, so that `python -m project.demo` starts its parts
        # without importing Celery first.
        from project import celery  # noqa: F401, PLC0415  @shared_task needs the app to exist
