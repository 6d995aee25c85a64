"""A page with many bars draws them in the next frame, and then pauses for 5 ms a bar."""

import pytest
import pytest_asyncio

from tests.support.elements import add
from tests.support.wire import event

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY = 40
FRAME = 16  # ms, of the page's clock
REST = 5 * MANY


class Crowd:
    """Forty elements on a page whose clock only moves when the test moves it."""

    def __init__(self, page, link):
        self._page = page
        self._link = link
        self._fired = 0

    async def hear(self, version, ids):
        """Send an event to each of these bars, and wait until they have received it."""
        for task_id in ids:
            self._link.send(event(task_id, version=version, current=version, total=10))
        self._fired += len(ids)
        await self._page.wait_for_function("count => events.length === count", arg=self._fired)

    async def pass_time(self, ms):
        await self._page.clock.run_for(ms)

    async def drawn(self, ids):
        """Check that all bars have shown the same, and return it."""
        shown = await self._page.evaluate("ids => ids.map((id) => shown[id] ?? [])", ids)
        values = {tuple(each["value"] for each in drawings) for drawings in shown}
        assert len(values) == 1
        return values.pop()


IDS = [f"bar-{number}" for number in range(MANY)]


@pytest_asyncio.fixture(loop_scope="session")
async def crowd(page, wire):
    await page.clock.install()
    await page.goto("/blank")
    await page.clock.pause_at(await page.evaluate("Date.now() + 1000"))
    for task_id in IDS:
        await add(page, task_id)
    return Crowd(page, await wire.link())


async def test_many_bars_show_the_present_state_at_the_next_frame(crowd):
    await crowd.pass_time(FRAME)  # they show "Connecting"
    await crowd.hear(3, IDS)
    assert await crowd.drawn(IDS) == ()
    await crowd.pass_time(FRAME)
    assert await crowd.drawn(IDS) == (0.3,)


async def test_the_pause_between_drawings_grows_with_the_number_of_bars(crowd):
    await crowd.hear(1, IDS)
    await crowd.pass_time(FRAME)
    await crowd.hear(2, IDS)
    await crowd.hear(3, IDS)
    await crowd.pass_time(REST - FRAME)
    assert await crowd.drawn(IDS) == (0.1,)
    await crowd.pass_time(2 * FRAME)
    assert await crowd.drawn(IDS) == (0.1, 0.3)


async def test_many_bars_show_a_new_state_in_the_next_frame_after_a_pause(crowd):
    await crowd.hear(1, IDS)
    await crowd.pass_time(REST + 2 * FRAME)
    await crowd.hear(2, IDS)
    await crowd.pass_time(FRAME)
    assert await crowd.drawn(IDS) == (0.1, 0.2)


async def test_the_only_moving_bar_among_many_is_drawn_in_each_frame(crowd):
    await crowd.hear(1, IDS)
    await crowd.pass_time(REST + 2 * FRAME)
    for version in (2, 3, 4):
        await crowd.hear(version, IDS[:1])
        await crowd.pass_time(FRAME)
    assert await crowd.drawn(IDS[:1]) == (0.1, 0.2, 0.3, 0.4)
