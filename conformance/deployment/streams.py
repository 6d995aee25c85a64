"""A client of server-sent events that records everything it receives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx

from ..checks import Broken
from ..limits import Limits


class Message(NamedTuple):
    """One event of the stream, or with no data a line that stands alone."""

    id: str | None
    data: dict[str, Any] | None
    retry: str | None


class Stream:
    """One answer; ``messages`` are what came."""

    def __init__(self, response: httpx.Response, limits: Limits) -> None:
        self.response = response
        self._at_once = limits.at_once
        self._outcome = limits.outcome
        self._coming = self._read()
        self.messages: list[Message] = []
        self.texts: list[str] = []  # the data of each event, as it came

    @property
    def status(self) -> int:
        return self.response.status_code

    async def message(self, within: float | None = None) -> Message | None:
        """The next one, or None at the end of the stream."""
        within = within or self._at_once
        try:
            async with asyncio.timeout(within):
                message = await anext(self._coming, None)
        except TimeoutError:
            raise Broken(f"nothing came on the stream within {within:g} s") from None
        except httpx.HTTPError as error:
            raise Broken(f"the stream broke off: {error!r}") from None
        if message is not None:
            self.messages.append(message)
        return message

    async def event(self) -> Message:
        """The next one that is an event of the task."""
        while message := await self.message():
            if message.data and message.data.get("type") == "progress":
                return message
        raise Broken("the stream ended before an event came")

    async def end(self) -> list[Message]:
        """All that comes until the stream ends."""
        try:
            async with asyncio.timeout(self._outcome):
                while await self.message(self._outcome):
                    pass
        except TimeoutError:
            raise Broken(f"the stream did not end within {self._outcome:g} s") from None
        return self.messages

    def events(self) -> list[Message]:
        """The events of the task that came."""
        return [each for each in self.messages if each.data and each.data["type"] == "progress"]

    async def _read(self) -> AsyncIterator[Message]:
        fields: dict[str, str] = {}
        # Not by httpx's lines: those also end at characters that JSON may hold.
        async for line in _lines(self.response):
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
            elif fields:
                yield self._message(fields)
                fields = {}

    def _message(self, fields: dict[str, str]) -> Message:
        data = fields.get("data")
        try:
            decoded = None if data is None else json.loads(data)
        except ValueError:
            raise Broken(f"the data of an event is no JSON: {data:.60}") from None
        if data is not None:
            self.texts.append(data)
        return Message(fields.get("id"), decoded, fields.get("retry"))


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    rest = b""
    async for piece in response.aiter_bytes():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode()
