"""``manage.py watchprogress ID``: watches a task in the terminal, without a web server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, TextIO, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ...client.terminal import Exit, run
from ...events import Event
from ...hub.hub import Hub
from ...hub.outbox import Frames


class Command(BaseCommand):
    """Reads Redis and the channel layer; exits with the status of ``python -m progress.watch``."""

    help = "Watch a task in the terminal."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("task_id")
        parser.add_argument("--json", action="store_true", help="write one event a line")

    def handle(self, *_: Any, task_id: str, json: bool, **__: Any) -> None:
        self.stdout.ending = ""
        try:
            status = run(_events(task_id), as_json=json, out=cast(TextIO, self.stdout))
        except ImproperlyConfigured as error:
            raise CommandError(str(error), returncode=Exit.USAGE) from error
        if status:
            raise SystemExit(status)


async def _events(task_id: str) -> AsyncGenerator[Event, None]:
    hub, watcher = Hub.current(), Frames()
    hub.watch(task_id, watcher)
    try:
        async for _, event in watcher:
            if event is not None:
                yield event
                if event.complete:
                    return
    finally:
        await hub.aclose()
