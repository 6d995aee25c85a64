"""Sets up the service in one call, for programs without Django's settings."""

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

    Call it once, before any other use of this package. Call it in the module of the Celery
    application too, so that its tasks report their progress.

    ``redis_url``   Redis or Valkey, for the newest events and for the channel layer
    ``secret``      signs tokens: the same in all processes that make or read them. A worker that
                    makes no tokens needs no secret
    ``origins``     the sites whose pages may watch, as "https://example.com". If empty, only
                    scripts may watch
    ``permission``  the rule, or its dotted path: see PROGRESS_PERMISSION in ``conf``
    ``more``        other settings of ``conf``, without PROGRESS_ and in lower case: ``heartbeat=2``

    Raises ImproperlyConfigured for a wrong value, and if Django's settings exist already: use them
    instead.
    """
    global _configured  # noqa: PLW0603 - a process has one set of Django settings
    if isinstance(origins, str):
        raise ImproperlyConfigured(f"origins is a list, as [{origins!r}]")
    chosen = {**more, "redis_url": redis_url, "permission": permission}
    values = {f"PROGRESS_{name.upper()}": value for name, value in chosen.items()}
    values |= {"SECRET_KEY": secret, "CSRF_TRUSTED_ORIGINS": list(origins)}
    if values == _configured:
        return
    _refuse_other_settings()
    _check(values)
    settings.configure(**values, **_site(values["CSRF_TRUSTED_ORIGINS"], redis_url))
    conf.redis_url()
    conf.check_durations()
    conf.check_access()
    django.setup()
    _configured = values


def _refuse_other_settings() -> None:
    if _configured is not None:
        raise ImproperlyConfigured(
            "configure() was called before, with other values: call it in one module only, and "
            "import that module where it is needed"
        )
    if settings.configured:
        raise ImproperlyConfigured(
            "Django's settings exist already: set PROGRESS_REDIS_URL and the others there, "
            "and add 'progress' to INSTALLED_APPS"
        )


def _check(values: dict[str, Any]) -> None:
    for name in values.keys() - conf.DEFAULTS.keys() - {"SECRET_KEY", "CSRF_TRUSTED_ORIGINS"}:
        known = ", ".join(sorted(each.removeprefix("PROGRESS_").lower() for each in conf.DEFAULTS))
        given = name.removeprefix("PROGRESS_").lower()
        raise ImproperlyConfigured(f"configure() has no argument {given!r}; it takes {known}")
    for origin in values["CSRF_TRUSTED_ORIGINS"]:
        try:
            place(origin)
        except ValueError as error:
            hint = 'write an origin as scheme, host and port, such as "https://example.com"'
            raise ImproperlyConfigured(f"{error}: {hint}") from error


def _site(origins: list[str], redis_url: str) -> dict[str, Any]:
    """Return the settings of a Django site that consists of this service only."""
    memory = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    return {
        "INSTALLED_APPS": ["progress"],
        "MIDDLEWARE": [],
        "ROOT_URLCONF": "progress.urls",
        "DATABASES": {},
        "USE_TZ": True,
        "LOGGING_CONFIG": None,  # the host application configures logging
        "ALLOWED_HOSTS": [split_domain_port(urlsplit(each).netloc)[0] for each in origins],
        "CHANNEL_LAYERS": {
            "default": memory if redis_url == conf.MEMORY else redis_layer(redis_url)
        },
    }
