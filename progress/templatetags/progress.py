"""``{% load progress %} {% progress_bar task %}``."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse

from ..routing import SOCKET_PATH

register = template.Library()


@register.inclusion_tag("progress/bar.html", takes_context=True)
def progress_bar(context: template.Context, task: Any, socket: str = f"/{SOCKET_PATH}") -> Any:
    """A live bar for a task: an AsyncResult, or a task id.

    The first one in a page also loads the element's script. ``socket`` is the path or URL of
    the websocket address, where it is not ``/ws/progress/``. Raises NoReverseMatch when
    ``progress.urls`` is not included.
    """
    task_id = str(getattr(task, "id", task))
    if not task_id:
        raise ValueError("progress_bar needs a task or a task id, not an empty one")
    # One render context serves one template; the script is harmless twice, and run once.
    first = not context.render_context.get("progress_script")
    context.render_context["progress_script"] = True
    return {
        "task_id": task_id,
        "socket": socket,
        "status": reverse("task_status", args=[task_id]),
        "script": first,
    }
