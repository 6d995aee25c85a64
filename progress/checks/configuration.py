"""Checks of the PROGRESS_ settings and the channel layer."""

from __future__ import annotations

from urllib.parse import urlsplit

from channels import DEFAULT_CHANNEL_LAYER
from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Warning  # noqa: A004 - Django's name
from django.core.exceptions import ImproperlyConfigured

from .. import conf
from .tasks import has_broker

LAYER_HINT = (
    "from progress.layers import redis_layer; "
    'CHANNEL_LAYERS = {"default": redis_layer("redis://localhost:6379/0")}'
)
STORE_HINT = "Name a Redis or Valkey server."


def check_store() -> list[CheckMessage]:
    """Check that the store is set, and that several processes can share it."""
    try:
        url = conf.redis_url()
        conf.check_durations()
    except ImproperlyConfigured as error:
        hint = 'Set PROGRESS_REDIS_URL = "redis://localhost:6379/0", and durations in seconds.'
        return [Error(str(error), hint=hint, id="progress.E001")]
    scheme = urlsplit(url).scheme
    if scheme not in {"redis", "rediss", "unix", "sentinel", "memory"}:
        known = "redis://, rediss://, unix:// or sentinel://"
        message = f"PROGRESS_REDIS_URL must begin with {known}, not {scheme}."
        return [Error(message, hint=STORE_HINT, id="progress.E002")]
    if scheme == "memory" and has_broker():
        message = "PROGRESS_REDIS_URL is memory://, which workers and web processes cannot share."
        return [Error(message, hint=STORE_HINT, id="progress.E003")]
    return []


def check_retention() -> list[CheckMessage]:
    """Report a PROGRESS_RETENTION that is too short to apply to unfinished tasks."""
    try:
        kept, running = conf.retention(), conf.running_retention()
    except ImproperlyConfigured:  # check_store reports it
        return []
    if kept >= conf.lost_after():
        return []
    message = (
        f"PROGRESS_RETENTION ({kept:g} s) is below PROGRESS_LOST_AFTER ({conf.lost_after():g} s): "
        f"events of unfinished tasks are kept for {running:g} s all the same, since otherwise a "
        "task whose worker was killed would become unknown instead of failed."
    )
    hint = "Raise PROGRESS_RETENTION, or lower PROGRESS_LOST_AFTER to give tasks up sooner."
    return [Info(message, hint=hint, id="progress.I001")]


def check_layer() -> list[CheckMessage]:
    """Check that a channel layer carries events between processes."""
    backend = getattr(settings, "CHANNEL_LAYERS", {}).get(DEFAULT_CHANNEL_LAYER, {}).get("BACKEND")
    if not backend:
        message = "CHANNEL_LAYERS has no default layer: events reach nobody."
        return [Error(message, hint=LAYER_HINT, id="progress.E004")]
    if backend.startswith("channels.layers.InMemory") and has_broker():
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
    """Check the permission rule and the limits."""
    try:
        conf.check_access()
    except ImproperlyConfigured as error:
        hint = "docs/security.md lists the settings, with their defaults and units."
        return [Error(str(error), hint=hint, id="progress.E006")]
    return []
