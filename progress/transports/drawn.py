"""The state of a task that a page shows before its script runs."""

from __future__ import annotations

from django.http import HttpRequest

from ..access.rules import Asker, permits
from ..access.tokens import read_token
from ..events import Event, State
from ..store import blocking


def event_for(request: HttpRequest, task_id: str, token: str) -> Event | None:
    """Return the task's newest event if whoever sent the request may watch the task.

    Costs a read of the store, and a call of the site's permission rule in this thread; an
    asynchronous rule counts as no. Returns None for an unknown task too, and if the store does not
    answer within 0.3 s. Then all pages do without states for 5 s.
    """
    # A page may take its task id from its URL, so its token alone proves nothing.
    if not permits(Asker(request, read_token(token)), task_id, "watch"):
        return None
    return blocking.newest(task_id)


def picture(event: Event) -> dict[str, str | None]:
    """Return the event as a template needs it: its JSON, its description, and its percent."""
    percent = 100.0 if event.state is State.SUCCESS else event.percent
    return {
        "event": event.text(),
        "description": event.description,
        "value": None if percent is None else str(percent),
    }
