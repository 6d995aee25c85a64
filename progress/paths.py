"""Encodes task ids for the path of a URL, and decodes them."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

ENCODED = "~"  # begins an id in base64url
#: Ids that need base64url: browsers or proxies would change the path (empty and dot segments,
#: backslashes, control characters), or the path would be another address of this package.
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
    """Return the id unchanged or as ``~`` and base64url; the caller must percent-encode it."""
    if not ODD.search(task_id):
        return task_id
    return ENCODED + urlsafe_b64encode(task_id.encode()).decode().rstrip("=")


def read(text: str) -> str:
    """Return the id that :func:`written` encoded; any other text is itself the id."""
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
    """A path converter of Django that matches any task id."""

    regex = ".+"

    def to_python(self, value: str) -> str:
        """See Django's path converters."""
        return read(value)

    def to_url(self, value: str) -> str:
        """See Django's path converters."""
        return written(value)
