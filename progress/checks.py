"""``manage.py check``: what is missing in the settings, and how to mend it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from celery import current_app
from channels import DEFAULT_CHANNEL_LAYER
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's name
from django.core.exceptions import ImproperlyConfigured

from . import conf
from .layers import private_parts
from .transports import eager

LAYER_HINT = (
    "from progress.layers import redis_layer; "
    'CHANNEL_LAYERS = {"default": redis_layer("redis://localhost:6379/0")}'
)


@register("progress")
def check_settings(**_: Any) -> list[CheckMessage]:
    """All checks of this app."""
    return [
        *check_store(),
        *check_layer(),
        *check_access(),
        *check_serializers(),
        *check_private_parts(),
    ]


def check_store() -> list[CheckMessage]:
    """Whether there is a store, and whether it is one that several processes can share."""
    try:
        url = conf.redis_url()
        conf.check_durations()
    except ImproperlyConfigured as error:
        hint = 'Set PROGRESS_REDIS_URL = "redis://localhost:6379/0", and durations in seconds.'
        return [Error(str(error), hint=hint, id="progress.E001")]
    scheme = urlsplit(url).scheme
    if scheme not in {"redis", "rediss", "unix", "sentinel", "memory"}:
        known = "redis://, rediss://, unix:// or sentinel://"
        message = f"PROGRESS_REDIS_URL must begin with {known}, not {scheme}"
        return [Error(message, hint="Name a Redis or Valkey server.", id="progress.E002")]
    if scheme == "memory" and _has_broker():
        message = "PROGRESS_REDIS_URL is memory://, which a worker and a web process do not share."
        return [Error(message, hint="Name a Redis or Valkey server.", id="progress.E003")]
    return []


def check_layer() -> list[CheckMessage]:
    """Whether there is a channel layer that carries events between processes."""
    backend = getattr(settings, "CHANNEL_LAYERS", {}).get(DEFAULT_CHANNEL_LAYER, {}).get("BACKEND")
    if not backend:
        message = "CHANNEL_LAYERS has no default layer: events reach nobody."
        return [Error(message, hint=LAYER_HINT, id="progress.E004")]
    if backend.startswith("channels.layers.InMemory") and _has_broker():
        message = "The in-memory channel layer carries nothing from a worker to a web process."
        return [Error(message, hint=LAYER_HINT, id="progress.E005")]
    if backend.startswith("channels_redis.core."):
        message = (
            "channels_redis.core loses messages of healthy sockets, and breaks when idle under "
            "redis-py 8."
        )
        return [Warning(message, hint=LAYER_HINT, id="progress.W001")]
    return []


def check_access() -> list[CheckMessage]:
    """Whether rule and limits are what they have to be."""
    try:
        conf.check_access()
    except ImproperlyConfigured as error:
        hint = "docs/security.md lists the settings, with their defaults and units."
        return [Error(str(error), hint=hint, id="progress.E006")]
    return []


def check_serializers() -> list[CheckMessage]:
    """Whether a message can run code in a worker."""
    accepted = {str(content).rpartition("/")[2] for content in current_app.conf.accept_content}
    if accepted & {"pickle", "x-python-serialize"}:
        message = "Celery accepts pickle: whoever can write to the broker can run code."
        hint = 'Set accept_content = ["json"] on the Celery application.'
        return [Warning(message, hint=hint, id="progress.W002")]
    return []


def check_private_parts() -> list[CheckMessage]:
    """Whether the private parts of dependencies that make events cheap are still there."""
    hint = (
        "Everything works, only slower. Install the release that was current when this package "
        "was released, or a newer release of this package."
    )
    missing = private_parts.missing()
    if (name := eager.missing()) is not None:
        missing.append(private_parts.Missing(name, eager.COST))
    return [
        Warning(
            f"{name} is missing in the installed release: {cost}.", hint=hint, id="progress.W003"
        )
        for name, cost in missing
    ]


def _has_broker() -> bool:
    """Whether tasks leave this process."""
    conf = current_app.conf
    if conf.task_always_eager:
        return False
    return not str(conf.broker_url or "amqp").startswith("memory")
