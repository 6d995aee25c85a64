"""System checks: they find what keeps a bar from moving, and say how to mend it.

``manage.py check`` looks at the settings and the site. ``manage.py check --deploy`` also connects
to Redis, the channel layer and the broker, for 2 s at most; with ``--tag
progress_network`` it runs only these checks. A setting that may be right on some site gets a
warning, not an error.
"""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, register

from . import configuration, dependencies, network, site, tasks


@register("progress")
def check_settings(**_: Any) -> list[CheckMessage]:
    """Run every check that needs no network."""
    return [
        # First, since they import the site, which may import the Celery application.
        *site.check_websocket(),
        *site.check_urls(),
        *site.check_server(),
        *tasks.check_application(),
        *tasks.check_eager(),
        *tasks.check_serializers(),
        *configuration.check_store(),
        *configuration.check_retention(),
        *configuration.check_layer(),
        *configuration.check_access(),
        *dependencies.check_private_parts(),
    ]


@register("progress", "progress_network", deploy=True)
def check_network(**_: Any) -> list[CheckMessage]:
    """Connect to Redis, the channel layer and the broker at the same time, for 2 s at most."""
    return network.check_servers()
