"""``{% load progress %} {% progress_bar task %}``."""

from __future__ import annotations

from typing import Any

from django import template

from ..access.tokens import make_token
from ..locations import status_path
from ..routing import SOCKET_PATH

register = template.Library()


@register.inclusion_tag("progress/bar.html", takes_context=True)
def progress_bar(context: template.Context, task: Any, socket: str = f"/{SOCKET_PATH}") -> Any:
    """A live bar for a task: an AsyncResult, or a task id.

    Whoever is shown the page may watch the task: it carries a token, bound to who is signed in
    (``request.user``), or else to nobody. The first bar in a page also loads the element's script.
    ``socket`` is the path or URL of the websocket address, where it is not ``/ws/progress/``.

    Raises ValueError for an empty task id, and NoReverseMatch when ``progress.urls`` is not
    included.
    """
    task_id = str(getattr(task, "id", task))
    # A RequestContext has the request also without the context processor of that name.
    request = getattr(context, "request", None) or context.get("request")
    token = make_token(task, getattr(request, "user", None))
    # One render context serves one template; the script is harmless twice, and run once.
    first = not context.render_context.get("progress_script")
    context.render_context["progress_script"] = True
    return {
        "task_id": task_id,
        "token": token,
        "socket": socket,
        "status": status_path(task_id, token),
        "script": first,
    }
