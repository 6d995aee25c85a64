"""What Redis says on a connection that is only listened to: RESP, many replies at a time."""

from __future__ import annotations

from typing import Any

from redis.exceptions import ResponseError

END = b"\r\n"
#: How a message of a channel begins, in RESP 3 and 2, up to the length of the channel's name.
MESSAGE = b">3\r\n$7\r\nmessage\r\n$", b"*3\r\n$7\r\nmessage\r\n$"
SKIPPED = len(MESSAGE[0])
ARRAY, PUSH, BULK, SIMPLE, NUMBER, ERROR, NULL = b"*>$+:-_"


class _MoreError(Exception):
    """The reply is not all there: so many bytes from the beginning of what was fed are needed."""


class Replies:
    """Takes bytes as they come, and gives the replies that are whole.

    Knows what a server says to subscribers, in RESP 2 and 3. Raises redis-py's ResponseError for
    an error, ValueError for what is nothing of that.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = self._needed = 0

    def feed(self, part: bytes) -> list[Any]:
        """The replies that end in this part: bytes, numbers, None, and lists of them."""
        self._parts.append(part)
        self._size += len(part)
        if self._size < self._needed:  # a long one is looked at once, not with each part
            return []
        data, at, found = b"".join(self._parts), 0, []
        try:
            while at < len(data):
                read = _message if data.startswith(MESSAGE, at) else _read
                reply, at = read(data, at)
                found.append(reply)
            self._needed = 0
        except _MoreError as more:
            self._needed = more.args[0] - at
        self._parts = [data[at:]]
        self._size = len(data) - at
        return found


def _message(data: bytes, at: int) -> tuple[Any, int]:
    """What `_read` gives, in half of the time: nearly all that comes is a message."""
    name, name_ends = _bulk(data, at + SKIPPED)
    text, ends = _bulk(data, name_ends + 1)  # behind the $
    return [b"message", name, text], ends


def _bulk(data: bytes, at: int) -> tuple[bytes, int]:
    """The string whose length is there, and where it ends."""
    line_ends = data.find(END, at)
    if line_ends < 0:
        raise _MoreError(len(data) + 1)
    begin = line_ends + 2
    end = begin + int(data[at:line_ends])
    if end + 2 > len(data):
        raise _MoreError(end + 2)
    return data[begin:end], end + 2


def _read(data: bytes, at: int) -> tuple[Any, int]:
    """The reply that begins there, and where it ends."""
    end = data.find(END, at)
    if end < 0:
        raise _MoreError(len(data) + 1)
    kind, line, begin = data[at], data[at + 1 : end], end + 2
    if kind == BULK and line != b"-1":
        return _bulk(data, at + 1)
    if kind in (ARRAY, PUSH):
        items = []
        for _ in range(int(line)):
            item, begin = _read(data, begin)
            items.append(item)
        return items, begin
    return _short(kind, line), begin


def _short(kind: int, line: bytes) -> Any:
    if kind == NUMBER:
        return int(line)
    if kind == SIMPLE:
        return line
    if kind in (NULL, BULK):
        return None
    words = line.decode(errors="replace")
    if kind == ERROR:
        raise ResponseError(words)
    raise ValueError(f"a reply of Redis cannot begin with {chr(kind)}{words!r:.80}")
