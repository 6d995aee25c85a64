"""Server-sent events."""

from __future__ import annotations

from ..checks import check, expect
from ..deployment.site import FOREIGN, Site, page_headers
from ..deployment.streams import Stream
from ..deployment.tasks import altered
from .watching import pinged, rising, watched

MANY = "9" * 5000  # digits


def is_stream(stream: Stream) -> None:
    """Raises Broken for another answer."""
    expect(stream.status == 200, f"the answer was {stream.status}")
    kind = stream.response.headers.get("content-type", "")
    expect(kind.startswith("text/event-stream"), f"its type is {kind}")


@check("The stream begins with the time until a reconnect, and then the present state")
async def begins(site: Site) -> None:
    task = await site.some()
    async with site.stream(task.events_url) as stream:
        is_stream(stream)
        event = await stream.event()
    expect(stream.messages[0].retry == "1000", f"first came {stream.messages[0]}")
    expect(event.data and event.data["task_id"] == task.task_id, "it was of another task")


@check("The id of each event is its version, and versions rise")
async def ids(site: Site) -> None:
    task = await site.start("counting")
    async with site.stream(task.events_url) as stream:
        await stream.end()
    events = stream.events()
    for id_, data, _ in events:
        expect(data and id_ == str(data["version"]), f"an event has the id {id_}")
    rising([data["version"] for _, data, _ in events if data])


@check("The stream ends after the outcome")
async def ends(site: Site) -> None:
    task = await site.start("counting")
    async with site.stream(task.events_url) as stream:
        await stream.end()
    complete = [data["complete"] for _, data, _ in stream.events() if data]
    expect(complete and complete[-1], "it ended before the outcome")
    expect(complete.count(True) == 1, f"{complete.count(True)} outcomes came")
    expect(len(complete) > 3, f"only {len(complete)} events came")


@check("A client that reconnects with Last-Event-ID does not get that event again")
async def resumes(site: Site) -> None:
    task = await site.start("counting")
    async with site.stream(task.events_url) as stream:
        for _ in range(3):
            seen = await stream.event()
    async with site.stream(task.events_url, Last_Event_ID=seen.id or "") as stream:
        is_stream(stream)
        await stream.end()
    versions = [data["version"] for _, data, _ in stream.events() if data]
    rising([int(seen.id or 0), *versions])
    expect(versions, "the outcome did not come")


@check("A client that has the outcome gets 204, so that EventSource does not reconnect")
async def nothing_left(site: Site) -> None:
    task, _ = await watched(site, "counting")
    state = await site.ask("GET", task.status_url)
    version = str(state.json()["version"])
    answer = await site.ask("GET", task.events_url, headers={"Last-Event-ID": version})
    expect(answer.status_code == 204, f"the answer was {answer.status_code}")
    expect(answer.content == b"", "there was a body")


@check("An old or invalid Last-Event-ID gets the present state")
async def senseless(site: Site) -> None:
    task, socket = await watched(site, "counting")
    for last in ("1", "0", "-1", "x", "1e400", MANY, "1.5", b"\xb2"):
        async with site.stream(task.events_url, Last_Event_ID=last) as stream:
            if stream.status == 204 and last == MANY:
                continue  # it may be taken for a version above the newest
            is_stream(stream)
            await stream.end()
        expect(socket.texts[-1] in stream.texts, f"after {last!r:.9} it did not come")


@check("After 20 s of silence the stream pings, and the ping has no id", within=60)
async def ping(site: Site) -> None:
    task = await site.start("quiet")
    async with site.stream(task.events_url) as stream:
        is_stream(stream)
        await pinged(_Frames(stream), site)
    expect(stream.messages[-1].id is None, f"it had the id {stream.messages[-1].id}")


class _Frames:
    """The data of a stream as a socket's frames."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def frame(self, within: float) -> dict[str, object]:
        message = await self._stream.message(within)
        expect(message is not None, "the stream ended")
        return (message and message.data) or {}


@check("The stream must not be cached, and without the right it gets 403 with a detail")
async def refused(site: Site) -> None:
    task = await site.some()
    async with site.stream(task.events_url) as stream:
        control = stream.response.headers.get("cache-control", "")
    expect("no-store" in control or "no-cache" in control, f"Cache-Control said {control!r}")
    answer = await site.ask("GET", task.bearing(altered(task.token or "", 10)).events_url)
    expect(answer.status_code == 403, f"the answer was {answer.status_code}")
    expect(answer.json().get("detail"), "there was no detail")


@check("A page of another site gets 403, even with a valid token")
async def foreign(site: Site) -> None:
    task = await site.some()
    answer = await site.ask("GET", task.events_url, headers={"Origin": FOREIGN})
    expect(answer.status_code == 403, f"the answer was {answer.status_code}")
    async with site.stream(task.events_url, Origin=site.origin) as stream:
        is_stream(stream)
        await stream.event()


@check("A PUT request gets 405")
async def methods(site: Site) -> None:
    task = await site.some()
    answer = await site.ask("PUT", task.events_url, headers=page_headers(site.origin))
    expect(answer.status_code == 405, f"PUT was answered with {answer.status_code}")
