"""Limits of one client; each test has an address of its own, and others are not disturbed."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from progress.conf import DEFAULTS
from tests.hostile.raw import CLOSE, TEXT, Raw
from tests.support import rights

ADDRESS = "127.0.0.9"  # not the bystander's
SWITCHED, FORBIDDEN = 101, 403  # statuses of the answer to a handshake
SILENT, TOO_MANY = 4408, 4429  # close codes


async def subscribe(raw, task_id):
    await raw.send(TEXT, rights.subscribe(task_id).encode())


async def say(raw):
    """The next frame's JSON."""
    return json.loads((await raw.next())[1])


@pytest.fixture
def known(ground):
    for task_id in "abcd":
        ground.put(task_id)


@asynccontextmanager
async def admitted(impatient, source):
    """Return a socket as soon as the server accepts another handshake."""
    async with asyncio.timeout(10):
        while (raw := await Raw.open(impatient, source=source)).status != SWITCHED:
            raw.cut()
    async with raw:
        yield raw


async def test_a_client_that_sends_nothing_is_closed(impatient):
    async with admitted(impatient, ADDRESS) as raw:
        assert await raw.closed() == SILENT


async def test_a_client_that_only_pings_is_closed(impatient):
    async with admitted(impatient, ADDRESS) as raw:
        await raw.send(9)
        assert await raw.closed() == SILENT


async def test_too_many_frames_a_second_close_the_socket(strict):
    async with await Raw.open(strict, source=ADDRESS) as raw:
        for _ in range(300):
            await raw.send(TEXT, b'{"type": "unsubscribe", "task_id": "a"}')
        assert await raw.closed() == TOO_MANY


async def test_subscriptions_above_the_limit_are_refused_and_earlier_ones_continue(
    strict, known, ground
):
    async with await Raw.open(strict, source=ADDRESS) as raw:
        for task_id in "abc":
            await subscribe(raw, task_id)
            assert (await say(raw))["task_id"] == task_id
        await subscribe(raw, "d")
        error = await say(raw)
        assert (error["code"], error["task_id"]) == ("too_many", "d")
        await subscribe(raw, "a")
        assert (await say(raw))["state"] == "PENDING"
        await raw.send(TEXT, b'{"type": "unsubscribe", "task_id": "a"}')
        await subscribe(raw, "d")
        assert (await say(raw))["state"] == "PENDING"


@asynccontextmanager
async def served(web, count, **how):
    """Yield this many sockets that watch a task; cut them at the end, also when a test fails."""
    async with AsyncExitStack() as stack:
        raws = []
        for _ in range(count):
            raws.append(await stack.enter_async_context(await Raw.open(web, **how)))
            assert raws[-1].status == SWITCHED, raws[-1].head
            await subscribe(raws[-1], "a")
            assert (await say(raws[-1]))["state"] == "PENDING"
        yield raws


async def test_sockets_above_the_limit_of_an_address_are_closed(strict, known):
    async with served(strict, 4, source="127.0.0.10") as raws:
        async with await Raw.open(strict, source="127.0.0.10") as raw:
            assert await raw.closed() == TOO_MANY
        async with served(strict, 1, source="127.0.0.11"):
            pass
        await subscribe(raws[0], "b")
        assert (await say(raws[0]))["task_id"] == "b"
    await enters(strict, source="127.0.0.10")


async def test_sockets_above_the_limit_of_a_user_are_closed(strict, known):
    me, you = {"headers": b"X-User: 7\r\n"}, {"headers": b"X-User: 8\r\n"}
    async with served(strict, 2, source="127.0.0.12", **me):
        async with await Raw.open(strict, source="127.0.0.13", **me) as raw:
            await subscribe(raw, "a")
            assert await raw.closed() == TOO_MANY
        async with served(strict, 1, source="127.0.0.14", **you):
            pass
    await enters(strict, source="127.0.0.12", **me)


async def enters(strict, **how):
    """Try until the server has noticed that the other sockets are gone."""
    async with asyncio.timeout(10):
        while True:
            async with await Raw.open(strict, **how) as raw:
                await subscribe(raw, "a")
                with suppress(asyncio.IncompleteReadError, ConnectionError):
                    if (await raw.next())[0] != CLOSE:
                        return


async def test_too_many_handshakes_a_second_are_refused(impatient):
    raws = await asyncio.gather(
        *(Raw.open(impatient, source=f"127.0.1.{number}") for number in range(1, 120))
    )
    for raw in raws:
        raw.cut()
    assert {raw.status for raw in raws} == {SWITCHED, FORBIDDEN}
    async with admitted(impatient, "127.0.1.200"):
        pass


async def test_handshakes_that_never_complete_do_not_disturb_others(web, ground):
    ground.put("a")
    async with AsyncExitStack() as stack:
        for _ in range(200):
            raw = await stack.enter_async_context(await Raw.connect(web, "127.0.2.1"))
            raw.write(b"GET /ws/progress/ HTTP/1.1\r\nHost:")
        async with served(web, 5):
            pass


@pytest.mark.slow
@pytest.mark.xfail(strict=True, reason="both servers wait for ever; nginx cuts it")
async def test_the_server_ends_a_handshake_that_never_completes(web):
    async with await Raw.connect(web) as raw:
        await raw.ask(b"GET /ws/progress/ HTTP/1.1\r\nHost:")
        assert not raw.is_open  # `ask` has waited for it


async def test_frames_within_the_rate_do_not_disturb_others(web, ground):
    ground.put("a")
    async with await Raw.open(web) as raw:
        for number in range(DEFAULTS["PROGRESS_FRAME_RATE"] * 9):
            verb = ("subscribe", "unsubscribe")[number % 2]
            await raw.send(TEXT, rights.subscribe("a").replace("subscribe", verb).encode())
        await subscribe(raw, "a")
        while (await say(raw))["task_id"] != "a":
            pass
