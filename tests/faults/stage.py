"""A task, a page that shows its bar, and watchers that the page is compared with."""

from uuid import uuid4

import pytest

from tests.faults.page import SILENCE, Road, Window


class Stage:
    """A task, two watchers of it, and a page that has seen it begin."""

    @classmethod
    async def of(cls, scenario, browser, seconds, *, others=0, values=None, without="", **page):
        """``values`` are settings of the web server; ``without`` and ``page`` go to ``Window``."""
        stage = cls()
        stage.scenario = scenario
        scenario.without += without.split()
        stage.web = scenario.web(**(values or {}))
        stage.others = [scenario.web(name=f"other-{number}") for number in range(others)]
        stage.worker = scenario.worker()
        stage.road = await scenario.proxy(stage.web.port, Road)
        stage.task_id = str(uuid4())
        stage.watchers = scenario.watch(stage.task_id, stage.web, *stage.others, count=2)
        stage.window = await Window.opened(
            browser, stage.road.port, stage.task_id, without=without, **page
        )
        scenario.start("count", int(seconds * 20), 0.05, task_id=stage.task_id)
        await stage.window.reaches(5)
        return stage

    async def ends(self, *, within=30):
        """The task ends, but not before the fault has begun; else the row would test nothing."""
        self.runs()
        await self.ended(within=within)

    def runs(self):
        assert not self.watchers[0].newest["complete"], "the fault came too late"

    async def ended(self, *, within=30):
        """Until the watchers know the outcome; what they saw."""
        self.scenario.fault()
        end = await self.scenario.outcome(self.watchers, within=within)
        assert end["state"] == "SUCCESS"
        return end

    async def right(self, *, within):
        """The page draws the watchers' outcome in so many seconds from the fault, and once."""
        await self.window.shows_success(within=within)
        self.scenario.passed()
        took = self.scenario.took
        end = await self.ended(within=SILENCE + 5)
        self.scenario.took = took
        return await self.window.check(end)

    async def wrong(self, *, within):
        """A twin's: the page does not show the outcome in so many seconds."""
        with pytest.raises(TimeoutError):
            await self.window.shows_success(within=within)
        self.scenario.took = None
