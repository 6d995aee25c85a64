"""A task that the deployment has started, and its addresses."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit


@dataclass(frozen=True)
class Task:
    """The answer to starting a task. All URLs carry ``token``, unless it is None."""

    task_id: str
    token: str | None
    status_url: str
    events_url: str
    websocket_url: str

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Self:
        """Raises KeyError for an answer that lacks an address."""
        return cls(**{each.name: answer[each.name] for each in fields(cls)})

    @property
    def shared_url(self) -> str:
        """Where one socket watches many tasks."""
        path = urlsplit(self.websocket_url).path
        return self._at("websocket_url", path[: path.rindex(quote(self.task_id, safe="/"))])

    @property
    def cancel_url(self) -> str:
        return self._at("status_url", urlsplit(self.status_url).path + "cancel/")

    @property
    def nowhere_url(self) -> str:
        """Below the sockets, where none is: each address ends with a slash."""
        return self._at("websocket_url", urlsplit(self.websocket_url).path.rstrip("/"))

    def _at(self, name: str, path: str) -> str:
        parts = urlsplit(getattr(self, name))
        return urlunsplit((parts.scheme, parts.netloc, path, "", ""))

    def bearing(self, token: str | None) -> Task:
        """The same addresses with another token, or with none."""
        urls = {name: _with(getattr(self, name), token) for name in URLS}
        return replace(self, token=token, **urls)

    def named(self, task_id: str) -> Task:
        """The addresses that a task of this id would have, with the token of this one."""
        old, new = quote(self.task_id, safe="/"), quote(task_id, safe="/")
        urls = {name: getattr(self, name).replace(old, new) for name in URLS}
        return replace(self, task_id=task_id, **urls)


URLS = ("status_url", "events_url", "websocket_url")


def _with(url: str, token: str | None) -> str:
    parts = urlsplit(url)
    query = [each for each in parse_qsl(parts.query) if each[0] != "token"]
    return urlunsplit(
        parts._replace(query=urlencode(query + ([("token", token)] if token else [])))
    )


def altered(token: str, at: int) -> str:
    """The token with another letter at this place."""
    letter = "A" if token[at] != "A" else "B"
    return token[:at] + letter + token[at:][1:]
