"""Checks of the Django site: the websocket route, URLs and runserver."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Warning  # noqa: A004 - Django's name
from django.core.handlers.asgi import ASGIHandler
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

WITHOUT_SOCKET = "pages get no websocket, and fall back to slower ways after some seconds"
ROUTE_HINT = (
    "In asgi.py: from progress.routing import websocket_urlpatterns; application = "
    'ProtocolTypeRouter({"http": get_asgi_application(), "websocket": '
    "URLRouter(websocket_urlpatterns)})."
)
#: Attributes in which an ASGI middleware keeps the application that it wraps.
WRAPPED = ("inner", "application", "app")


def check_websocket() -> list[CheckMessage]:
    """Check that the site's ASGI application has the websocket route."""
    path = getattr(settings, "ASGI_APPLICATION", None)
    if not path:
        message = f"ASGI_APPLICATION is not set: {WITHOUT_SOCKET}."
        hint = f'Set ASGI_APPLICATION = "mysite.asgi.application". {ROUTE_HINT}'
        return [Warning(message, hint=hint, id="progress.W004")]
    try:
        application = import_string(path)
    except Exception as error:
        message = f"ASGI_APPLICATION cannot be imported: {error!r}."
        hint = "Call get_asgi_application() before you import progress.routing or models."
        return [Warning(message, hint=hint, id="progress.W004")]
    if serves_socket(application) is False:
        message = (
            f"{path} has no route to progress.routing.websocket_urlpatterns: {WITHOUT_SOCKET}."
        )
        return [Warning(message, hint=ROUTE_HINT, id="progress.W005")]
    return []


def serves_socket(application: Any) -> bool | None:
    """Return whether an ASGI application has our websocket route; None if this is unknown."""
    from .. import asgi, routing  # noqa: PLC0415 - only a site needs them

    if application is routing.application or application is asgi.application:
        return True
    if isinstance(mapping := getattr(application, "application_mapping", None), dict):
        return "websocket" in mapping and serves_socket(mapping["websocket"])
    if isinstance(routes := getattr(application, "routes", None), list | tuple):
        found = {serves_socket(_target(route)) for route in routes}
        return True if True in found else None if None in found else False
    for name in WRAPPED:
        if (wrapped := getattr(application, name, None)) is not None:
            return serves_socket(wrapped)
    is_other = isinstance(application, ASGIHandler) or hasattr(application, "consumer_class")
    return False if is_other else None


def _target(route: Any) -> Any:
    """Return the application of a route of Channels or Starlette."""
    return getattr(route, "callback", None) or getattr(route, "app", None)


def check_server() -> list[CheckMessage]:
    """Check that runserver serves websockets. Runs only with DEBUG, as runserver does."""
    if not settings.DEBUG or apps.is_installed("daphne"):
        return []
    message = f"runserver serves no websockets: {WITHOUT_SOCKET}."
    hint = 'Put "daphne" into INSTALLED_APPS, before "django.contrib.staticfiles".'
    return [Warning(message, hint=hint, id="progress.W007")]


def check_urls() -> list[CheckMessage]:
    """Check that the site includes ``progress.urls``."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []  # a process that serves no pages
    try:
        reverse("task_status", args=["id"])
    except NoReverseMatch:
        message = (
            f"{settings.ROOT_URLCONF} does not include progress.urls: progress_bar and addresses() "
            "raise NoReverseMatch."
        )
        hint = 'Add path("progress/", include("progress.urls")) to urlpatterns.'
        return [Warning(message, hint=hint, id="progress.W006")]
    return []
