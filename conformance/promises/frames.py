"""What a client may send."""

from __future__ import annotations

import asyncio
import json

from ..checks import Broken, check, expect
from ..deployment.site import Site
from ..deployment.sockets import Refused, Socket
from ..deployment.tasks import Task

BAD = {
    "no JSON": "{",
    "nothing": "",
    "an array": "[]",
    "a number": "1",
    "a word": '"subscribe"',
    "NaN": '{"type": "subscribe", "task_id": NaN}',
    "no type": '{"task_id": "a"}',
    "an unknown type": '{"type": "publish", "task_id": "a"}',
    "no id": '{"type": "subscribe"}',
    "an empty id": '{"type": "subscribe", "task_id": ""}',
    "a number as id": '{"type": "subscribe", "task_id": 1}',
    "an id that UTF-8 cannot carry": '{"type": "subscribe", "task_id": "\\ud800"}',
    "a number as token": '{"type": "subscribe", "task_id": "a", "token": 1}',
    "a key twice": '{"type": "subscribe", "type": "unsubscribe", "task_id": "a"}',
    "deep nesting": "[" * 2000,
}


async def told(socket: Socket, task: Task, name: str) -> None:
    """Raises Broken unless that was told to be a bad request, and the socket lives."""
    try:
        error = await socket.error()
    except Broken as broken:
        raise Broken(f"{name}: {broken}") from None
    expect(error.get("code") == "bad_request", f"{name} got the code {error.get('code')}")
    expect(error.get("detail"), f"{name} got no detail")
    await socket.subscribe(task)
    await socket.event(task.task_id)


@check("An invalid frame gets an error frame, and the socket stays open")
async def bad(site: Site) -> None:
    task = await site.lasting()
    async with site.socket(task.shared_url) as socket:
        for name, text in BAD.items():
            await socket.send(text)
            await told(socket, task, name)


@check("A binary frame gets an error frame")
async def binary(site: Site) -> None:
    task = await site.some()
    async with site.socket(task.shared_url) as socket:
        await socket.send(b"{}")
        await told(socket, task, "a binary frame")


@check("A frame above 4 KiB gets an error frame; a frame of 4 KiB is accepted")
async def long(site: Site) -> None:
    task = await site.some()
    frame = {"type": "subscribe", "task_id": task.task_id, "token": task.token, "pad": ""}
    text = json.dumps({**frame, "pad": "x" * (site.limits.frame - len(json.dumps(frame)))})
    async with site.socket(task.shared_url) as socket:
        await socket.send(text)
        await socket.event(task.task_id)
        await socket.send(text + " ")
        await told(socket, task, "a frame that is too long")


@check("Another task's id gets an error frame at the address of one task")
async def another(site: Site) -> None:
    task = await site.lasting()
    async with site.socket(task.websocket_url) as socket:
        await socket.event()
        await socket.send({"type": "subscribe", "task_id": site.unknown_id()})
        await told(socket, task, "another id")


@check("Too many invalid frames close the socket with 4400")
async def abuse(site: Site) -> None:
    task = await site.some()
    async with site.socket(task.shared_url) as socket:
        for _ in range(site.limits.bad_frames + 1):
            await socket.send("{")
        closed = await socket.closed()
    expect(closed.code == 4400, f"the socket was closed with {closed.code}")


@check("Too many frames a second close the socket with 4429")
async def flood(site: Site) -> None:
    task = await site.some()
    async with site.socket(task.shared_url) as socket:
        for _ in range(2 * site.limits.frames_at_once):
            if socket.is_closing:
                break
            await socket.unsubscribe(task)
            # What a server has not read when it closes can cost the client its close frame.
            await asyncio.sleep(0.005)
        closed = await socket.closed()
    expect(closed.code == 4429, f"the socket was closed with {closed.code}")


@check("A client that watches nothing for 10 s is closed with 4408")
async def silent(site: Site) -> None:
    task = await site.some()
    for url in (task.shared_url, task.bearing(None).websocket_url):
        async with site.socket(url) as socket:
            closed = await socket.closed(site.limits.first_frame + 5)
        expect(closed.code == 4408, f"the socket was closed with {closed.code}")


@check("At an unknown address, the handshake is refused or closed with 4404")
async def nowhere(site: Site) -> None:
    task = await site.some()
    try:
        async with site.socket(task.nowhere_url) as socket:
            closed = await socket.closed()
    except Refused:
        return
    expect(closed.code == 4404, f"the socket was closed with {closed.code}")


@check("Frames are not compressed by default")
async def plain(site: Site) -> None:
    task = await site.some()
    async with site.socket(task.websocket_url) as socket:
        expect(socket.extensions is None, f"the server chose {socket.extensions}")


@check("Frames are not compressed on request either, against decompression bombs")
async def no_bombs(site: Site) -> None:
    task = await site.some()
    async with site.socket(task.websocket_url, compression="deflate") as socket:
        expect(socket.extensions is None, f"the server chose {socket.extensions}")


@check("A client that disappears without a close affects no other client")
async def goes(site: Site) -> None:
    task = await site.start("counting")
    async with site.socket(task.websocket_url) as stays:
        for _ in range(10):
            async with site.socket(task.websocket_url) as socket:
                socket.drop()
        await stays.outcome()
