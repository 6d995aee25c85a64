"""For hosts without Django's settings: what the service needs, said in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http.request import split_domain_port

from . import conf
from .access.handshakes import place
from .layers.settings import redis_layer

_configured: dict[str, Any] | None = None


def configure(
    *,
    redis_url: str,
    secret: str = "",
    origins: Iterable[str] = (),
    permission: str | Callable[..., Any] = "",
    **more: Any,
) -> None:
    """Set up the service in a process that does not use Django: FastAPI, a bare Celery worker.

    To be called once, before anything else of this package is used; in the module of the Celery
    application too, which then reports what its tasks do and say.

    ``redis_url``   Redis or Valkey, for the newest events and for the channel layer
    ``secret``      signs tokens: the same in all processes that make or read them. Who only runs
                    tasks needs none
    ``origins``     the sites whose pages may watch, as "https://example.com"; none: only scripts
    ``permission``  the rule, or its dotted path: see PROGRESS_PERMISSION in ``conf``
    ``more``        other settings of ``conf``, without PROGRESS_ and in lower case: ``heartbeat=2``

    Raises ImproperlyConfigured for a value that is wrong, and where Django's settings are there
    already: then they are the place to say it.
    """
    global _configured  # noqa: PLW0603 - Django has one set of settings a process
    if isinstance(origins, str):
        raise ImproperlyConfigured(f"origins is a list, as [{origins!r}]")
    chosen = {**more, "redis_url": redis_url, "permission": permission}
    values = {f"PROGRESS_{name.upper()}": value for name, value in chosen.items()}
    values |= {"SECRET_KEY": secret, "CSRF_TRUSTED_ORIGINS": list(origins)}
    if values == _configured:
        return
    if _configured is not None:
        raise ImproperlyConfigured(
            "configure() was called before, with other values: call it in one module, with all of "
            "them, and import that where it is needed"
        )
    if settings.configured:
        raise ImproperlyConfigured(
            "Django's settings are there already: set PROGRESS_REDIS_URL and the others in them, "
            "and add 'progress' to INSTALLED_APPS"
        )
    _check(values)
    settings.configure(**values, **_site(values["CSRF_TRUSTED_ORIGINS"], redis_url))
    conf.redis_url()
    conf.check_durations()
    conf.check_access()
    django.setup()
    _configured = values


def _check(values: dict[str, Any]) -> None:
    for name in values.keys() - conf.DEFAULTS.keys() - {"SECRET_KEY", "CSRF_TRUSTED_ORIGINS"}:
        known = ", ".join(sorted(each.removeprefix("PROGRESS_").lower() for each in conf.DEFAULTS))
        given = name.removeprefix("PROGRESS_").lower()
        raise ImproperlyConfigured(f"configure() knows no {given!r}, but {known}")
    for origin in values["CSRF_TRUSTED_ORIGINS"]:
        try:
            place(origin)
        except ValueError as error:
            hint = 'an origin is scheme, host and port, as "https://example.com"'
            raise ImproperlyConfigured(f"{error}: {hint}") from error


def _site(origins: list[str], redis_url: str) -> dict[str, Any]:
    """The settings of a Django site that has nothing but this service."""
    memory = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    return {
        "INSTALLED_APPS": ["progress"],
        "MIDDLEWARE": [],
        "ROOT_URLCONF": "progress.urls",
        "DATABASES": {},
        "USE_TZ": True,
        "LOGGING_CONFIG": None,  # the host's business
        "ALLOWED_HOSTS": [split_domain_port(urlsplit(each).netloc)[0] for each in origins],
        "CHANNEL_LAYERS": {
            "default": memory if redis_url == conf.MEMORY else redis_layer(redis_url)
        },
    }
