"""Checks of the Celery application."""

from __future__ import annotations

from celery import current_app
from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's name

from .. import conf

DEFAULT_APPLICATION = "default"  # the name of the application that Celery makes by itself

APPLICATION_HINT = (
    "Make mysite/celery.py (app = Celery('mysite'); "
    "app.config_from_object('django.conf:settings', namespace='CELERY'); "
    "app.autodiscover_tasks()), import it in mysite/__init__.py (from .celery import app), and set "
    "CELERY_BROKER_URL."
)


def check_application() -> list[CheckMessage]:
    """Check that the site has a Celery application with a broker."""
    if current_app.conf.task_always_eager or _broker_url():
        return []
    if current_app.main == DEFAULT_APPLICATION:
        message = (
            "This process has no Celery application of its own: .delay() sends tasks to a broker "
            "at amqp://localhost."
        )
        return [Warning(message, hint=APPLICATION_HINT, id="progress.W009")]
    message = (
        f"The Celery application '{current_app.main}' has no broker_url: .delay() sends tasks to a "
        "broker at amqp://localhost."
    )
    hint = (
        'Set CELERY_BROKER_URL = "redis://localhost:6379/1" in the settings, and have the '
        "application read it: config_from_object('django.conf:settings', namespace='CELERY')."
    )
    return [Warning(message, hint=hint, id="progress.W010")]


def check_eager() -> list[CheckMessage]:
    """Warn about eager tasks with a Redis store: their bars move only when the task is over."""
    if not current_app.conf.task_always_eager or conf.in_memory():
        return []
    message = (
        "task_always_eager is set: .delay() returns when the task is over, so a bar never moves."
    )
    hint = (
        "Remove CELERY_TASK_ALWAYS_EAGER and start a worker. In tests, set PROGRESS_REDIS_URL = "
        '"memory://".'
    )
    return [Warning(message, hint=hint, id="progress.W011")]


def check_serializers() -> list[CheckMessage]:
    """Warn if Celery accepts pickle, since such a message can run code in a worker."""
    accepted = {str(content).rpartition("/")[2] for content in current_app.conf.accept_content}
    if accepted & {"pickle", "x-python-serialize"}:
        message = "Celery accepts pickle: whoever can write to the broker can run code."
        hint = 'Set accept_content = ["json"] on the Celery application.'
        return [Warning(message, hint=hint, id="progress.W002")]
    return []


def has_broker() -> bool:
    """Return whether tasks run in other processes."""
    if current_app.conf.task_always_eager:
        return False
    return not (_broker_url() or "amqp").startswith("memory")


def _broker_url() -> str:
    return str(current_app.conf.broker_url or current_app.conf.broker_write_url or "")
