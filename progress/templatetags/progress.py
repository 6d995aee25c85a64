"""The template tags that write a live bar, the bar's script alone, and a module's address."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django import template
from django.http import HttpRequest
from django.urls import get_script_prefix, reverse

from .. import modules
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
    inside a paragraph or another form. ``script=False``: no script element, for pages that have
    ``{% progress_script %}``. By default the first bar of a template adds it. ``state=False``: do
    not read the task's state; see :func:`drawn.event_for`.

    Raises ValueError for an empty task id, and NoReverseMatch if ``progress.urls`` is not included.
    """
    request = _request(context)
    is_first = script and not context.render_context.get("progress_script")
    given = _task(task, request, cancel=cancel, state=state) if task is not None else {}
    bar = {
        "socket": f"{get_script_prefix()}{SOCKET_PATH}" if socket is None else socket,
        "label": label,
        "name": label or given.get("description") or "Progress",
        "script": progress_script(context)["script"] if is_first else None,
    }
    return bar | given


@register.inclusion_tag("progress/script.html", takes_context=True)
def progress_script(context: template.Context) -> dict[str, Any]:
    """Write the script element that defines ``<task-progress>``, for bars that a script creates.

    With it comes a stylesheet that reserves the room of bars until they are defined. Both have the
    nonce of the request's Content-Security-Policy, from django-csp or from Django 6. The bars below
    it in the same template need no further script. Raises NoReverseMatch if ``progress.urls`` is
    not included.
    """
    context.render_context["progress_script"] = True
    address, *imported = modules.addresses()
    nonce = _nonce(_request(context))
    style = modules.address(modules.STYLE)
    return {"script": {"address": address, "imported": imported, "style": style, "nonce": nonce}}


@register.simple_tag
def progress_module(name: str) -> str:
    """Write the address of a JavaScript module, such as ``watch.js``, for an import in a page.

    Raises ValueError for an unknown name.
    """
    return modules.address(name)


def _request(context: template.Context) -> HttpRequest | None:
    # A RequestContext has the request even without the context processor "request".
    return getattr(context, "request", None) or context.get("request")


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
