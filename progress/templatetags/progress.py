"""The template tag that writes a live bar: ``{% load progress %} {% progress_bar task %}``."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django import template
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse

from ..access.tokens import make_token
from ..locations import status_path
from ..routing import SOCKET_PATH
from ..transports import drawn

register = template.Library()


@register.inclusion_tag("progress/bar.html", takes_context=True)
def progress_bar(  # noqa: PLR0913 - the options of a tag
    context: template.Context,
    task: Any,
    socket: str | None = None,
    *,
    label: str = "",
    cancel: bool = False,
    script: bool = True,
    state: bool = True,
) -> dict[str, Any]:
    """Write a ``<task-progress>`` element for ``task``: an AsyncResult, or a task id.

    Everyone who gets the page may watch the task, since the element contains a token. The token is
    bound to the signed-in user (``request.user``), or to nobody. So before you show the task of an
    id from a URL, check that it belongs to this user.

    For ``None``, which ``delay_on_commit()`` returns, the element shows "Not started yet" until a
    script sets its ``task-id`` and ``token``.

    ``socket``: path or URL of the websocket address, by default ``/ws/progress/`` below the site's
    script name. ``label``: the bar's name for screen readers. ``cancel=True``: the token also
    permits cancelling the task, and the element has a Cancel button in a form, so it cannot stand
    inside a paragraph or another form. ``script=False``: no script element, for pages that load
    ``progress/task-progress.js`` themselves. By default the first bar of a template adds it, with
    the nonce of the request's Content-Security-Policy. ``state=False``: do not read the task's
    state; see :func:`drawn.event_for`.

    Raises ValueError for an empty task id, and NoReverseMatch if ``progress.urls`` is not included.
    """
    # A RequestContext has the request even without the context processor "request".
    request = getattr(context, "request", None) or context.get("request")
    is_first = script and _is_first(context)
    given = _task(task, request, cancel=cancel, state=state) if task is not None else {}
    bar = {
        "socket": f"{get_script_prefix()}{SOCKET_PATH}" if socket is None else socket,
        "label": label,
        "name": label or given.get("description") or "Progress",
    }
    return bar | given | (_script(request) if is_first else {})


def _script(request: HttpRequest | None) -> dict[str, Any]:
    return {"script": True, "nonce": _nonce(request)}


def _is_first(context: template.Context) -> bool:
    """Return whether no bar of this template has added the script so far."""
    written = context.render_context.get("progress_script")
    context.render_context["progress_script"] = True
    return not written


def _task(
    task: Any, request: HttpRequest | None, *, cancel: bool, state: bool
) -> dict[str, str | None]:
    task_id = str(getattr(task, "id", task))
    actions = ("watch", "cancel") if cancel else ("watch",)
    token = make_token(task, request, actions=actions)
    event = drawn.event_for(request, task_id, token) if state and request is not None else None
    return {
        "task_id": task_id,
        "token": token,
        "status": status_path(task_id, token),
        "cancel_url": reverse("task_cancel", args=[task_id]) if cancel else None,
        **(drawn.picture(event) if event is not None else {}),
    }


def _nonce(request: HttpRequest | None) -> str | None:
    """Return the nonce of django-csp or of Django 6's middleware, or None.

    Both create the nonce when it is read, so ``bool()`` cannot test for it.
    """
    nonce = getattr(request, "csp_nonce", None)
    if nonce is None and find_spec("django.middleware.csp"):  # Django 5.2 has no such middleware
        nonce = import_module("django.middleware.csp").get_nonce(request)
    return None if nonce is None else str(nonce)
