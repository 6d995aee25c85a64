"""Who may watch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from ..checks import check, expect
from ..deployment.site import Site
from ..deployment.sockets import Closed
from ..deployment.tasks import Task, altered

#: What differs between two answers without telling anything.
VOLATILE = {"date", "expires"}


@check("A token in the query opens the websocket, the JSON state and the stream")
async def query(site: Site) -> None:
    task = await site.some()
    async with site.socket(task.websocket_url) as socket:
        await socket.event(task.task_id)
    await served(site, task, {})


@check("A token as Authorization: Bearer opens the JSON state and the stream")
async def bearer(site: Site) -> None:
    task = await site.some()
    await served(site, task.bearing(None), {"Authorization": f"Bearer {task.token}"})


async def served(site: Site, task: Task, headers: dict[str, str]) -> None:
    """Raises Broken unless state and stream are given."""
    answer = await site.ask("GET", task.status_url, headers=headers)
    expect(answer.status_code == 200, f"the state was answered with {answer.status_code}")
    async with site.stream(task.events_url, **headers) as stream:
        expect(stream.status == 200, f"the stream was answered with {stream.status}")
        await stream.event()


@check("A token beside “progress” in Sec-WebSocket-Protocol opens the websocket")
async def subprotocol(site: Site) -> None:
    task = await site.some()
    words = ["progress", task.token]
    async with site.socket(task.bearing(None).websocket_url, subprotocols=words) as socket:
        await socket.event(task.task_id)
    expect(socket.subprotocol == "progress", f"the server chose {socket.subprotocol!r}")


@check("A token in a subscribe frame opens the websocket, of one task and of many")
async def frame(site: Site) -> None:
    task = await site.some()
    for url in (task.bearing(None).websocket_url, task.shared_url):
        async with site.socket(url) as socket:
            await socket.subscribe(task)
            await socket.event(task.task_id)


async def by_socket(site: Site, task: Task) -> Any:
    """What the websocket of one task says."""
    async with site.socket(task.websocket_url) as socket:
        if task.token is None:
            await socket.subscribe(task)
        closed = await socket.closed()
    return closed_as(closed, 4403), *socket.texts


async def by_frame(site: Site, task: Task) -> Any:
    """What the shared socket says."""
    async with site.socket(task.shared_url) as socket:
        await socket.subscribe(task)
        error = await socket.error()
    expect(error["code"] == "forbidden", f"the code was {error['code']}")
    return tuple(socket.texts)


async def by_state(site: Site, task: Task) -> Any:
    return refusal(await site.ask("GET", task.status_url))


async def by_stream(site: Site, task: Task) -> Any:
    return refusal(await site.ask("GET", task.events_url))


async def by_cancel(site: Site, task: Task) -> Any:
    return refusal(await site.cancel_as_page(task, site.origin))


def closed_as(closed: Closed, code: int) -> tuple[int, str]:
    expect(closed.code == code, f"the socket was closed with {closed.code}, not {code}")
    return closed.code, closed.reason


def refusal(answer: httpx.Response) -> Any:
    """Status, headers and body. Raises Broken for anything but 403."""
    expect(answer.status_code == 403, f"the answer was {answer.status_code}, not 403")
    headers = {name: value for name, value in answer.headers.items() if name not in VOLATILE}
    return answer.status_code, tuple(sorted(headers.items())), answer.text


async def same(site: Site, door: Callable[[Site, Task], Awaitable[Any]]) -> None:
    """With the same token, a foreign task is answered as a task that does not exist."""
    task = await site.some()
    other = await site.start("counting")
    unknown = task.named(site.unknown_id())
    token = task.token or ""
    tokens = {
        "no token": None,
        "an altered token": altered(token, 5),
        "an altered signature": altered(token, len(token) - 5),
        "half a token": token[: len(token) // 2],
        "another task's token": other.token,
    }
    for name, each in tokens.items():
        expected = without_id(await door(site, unknown.bearing(each)), unknown)
        steady = without_id(await door(site, unknown.bearing(each)), unknown)
        answer = without_id(await door(site, task.bearing(each)), task)
        expect(
            agree(answer, expected, steady),
            f"{name} got {answer} where an unknown id got {expected}",
        )


def without_id(answer: Any, task: Task) -> Any:
    """The same with the task's id taken out of it."""
    if isinstance(answer, tuple):
        return tuple(without_id(each, task) for each in answer)
    return answer.replace(task.task_id, "…") if isinstance(answer, str) else answer


def agree(answer: Any, expected: Any, steady: Any) -> bool:
    """Whether they are the same, but for what also differs between two of the same question."""
    if not (isinstance(answer, tuple) and isinstance(expected, tuple)):
        return answer == expected or expected != steady
    same_length = len(answer) == len(expected) == len(steady)
    return same_length and all(map(agree, answer, expected, steady))


@check("Websocket of one task: 4403, the same for a foreign as for an unknown id")
async def socket_refuses(site: Site) -> None:
    await same(site, by_socket)


@check("Shared websocket: the error forbidden, the same for a foreign as for an unknown id")
async def frame_refuses(site: Site) -> None:
    await same(site, by_frame)


@check("JSON state: 403, the same for a foreign as for an unknown id")
async def state_refuses(site: Site) -> None:
    await same(site, by_state)


@check("Server-sent events: 403, the same for a foreign as for an unknown id")
async def stream_refuses(site: Site) -> None:
    await same(site, by_stream)


@check("Cancelling: 403, the same for a foreign as for an unknown id")
async def cancel_refuses(site: Site) -> None:
    await same(site, by_cancel)
