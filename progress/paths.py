"""How a task id is written in the path of an address."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

ENCODED = "~"  # begins an id in base64url
#: Ids that a path cannot carry as they are: a browser or a proxy would change the path (empty and
#: dot segments, backslashes, control characters), or it would be another address of ours.
ODD = re.compile(
    rf"""
      ^{ENCODED}
    | (^|/) \.{{0,2}} (/|$)
    | (^|/) (cancel|events) $
    | ^ [^/]* \.js $
    | [\x00-\x1f\x7f\\]
    """,
    re.VERBOSE,
)


def written(task_id: str) -> str:
    """The id for a path, before percent-encoding: as it is, or ``~`` and base64url of its UTF-8."""
    if not ODD.search(task_id):
        return task_id
    return ENCODED + urlsafe_b64encode(task_id.encode()).decode().rstrip("=")


def read(text: str) -> str:
    """The id that :func:`written` wrote; any other text is an id as it is."""
    if text.startswith(ENCODED):
        encoded = text.removeprefix(ENCODED)
        try:
            task_id = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        except ValueError:
            return text
        if task_id and written(task_id) == text:
            return task_id
    return text


class TaskIdConverter:
    """For Django's ``path()``: any task id."""

    regex = ".+"

    def to_python(self, value: str) -> str:
        """See Django's path converters."""
        return read(value)

    def to_url(self, value: str) -> str:
        """See Django's path converters."""
        return written(value)
