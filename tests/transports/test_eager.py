"""Coroutines that begin outside a task, also if asyncio lacks the private functions for this."""

import asyncio

import pytest

from progress.checks.dependencies import check_private_parts
from progress.transports import eager

PARTS = ["_enter_task", "_leave_task"]


async def begun(coroutine):
    """Begin the coroutine in a callback of the loop, as the running task; return the rest of it."""
    loop, owner = asyncio.get_running_loop(), asyncio.current_task()
    rest = loop.create_future()
    loop.call_soon(lambda: rest.set_result(eager.begin(coroutine, owner)))
    return await rest


async def send(sent, waits=()):
    sent.append(asyncio.current_task())
    for event in waits:
        await event.wait()
    sent.append("done")


async def test_a_coroutine_that_never_waits_runs_as_its_owner_task():
    sent = []
    assert await begun(send(sent)) is None
    assert sent == [asyncio.current_task(), "done"]


@pytest.fixture(params=PARTS)
def _part_is_missing(request, monkeypatch):
    monkeypatch.delattr(asyncio.tasks, request.param)
    eager._log_missing.cache_clear()
    yield
    eager._log_missing.cache_clear()


@pytest.mark.usefixtures("_part_is_missing")
async def test_without_a_private_part_a_task_runs_the_coroutine_and_one_line_is_logged(caplog):
    sent, events = [], [asyncio.Event(), asyncio.Event()]
    rests = [await begun(send(sent, events)) for _ in range(2)]
    assert sent == []
    for event in events:
        event.set()
    await asyncio.gather(*rests)
    assert sent.count("done") == 2
    [record] = caplog.records
    assert eager.COST in record.getMessage()


@pytest.mark.usefixtures("_part_is_missing")
async def test_without_a_private_part_a_coroutine_that_has_not_begun_can_be_cancelled_and_closed():
    sent, event = [], asyncio.Event()
    running = asyncio.ensure_future(await begun(send(sent, [event])))
    while not sent:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (await begun(send(sent))).close()
    assert "done" not in sent


@pytest.mark.parametrize("part", PARTS)
def test_the_check_names_the_missing_private_part_and_its_cost(monkeypatch, part):
    assert check_private_parts() == []
    with monkeypatch.context() as patch:
        patch.delattr(asyncio.tasks, part)
        [message] = check_private_parts()
    assert message.id == "progress.W003"
    assert f"asyncio.tasks.{part} " in message.msg
    assert eager.COST in message.msg
