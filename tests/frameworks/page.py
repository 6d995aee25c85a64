"""A page of the site in a window, and whether its bars are right."""

from urllib.parse import quote

import pytest

PATIENCE = 5_000  # milliseconds until each bar is right
EMPTY = "() => document.querySelectorAll('task-progress').length === 0"
CLOSED = "() => oracle.open() === 0"
#: How long a page is without bars; the element closes its websocket after a while.
AWAY = [
    pytest.param(EMPTY, id="at once"),
    pytest.param(CLOSED, id="after the socket is closed", marks=pytest.mark.slow),
]
WAIT = "([jobs, patience]) => oracle.wait(jobs, patience)"


class Page:
    """A page in a window of any engine; the site has the jobs."""

    def __init__(self, window, site, jobs):
        self.window = window
        self.jobs = jobs
        self.site = site

    async def open(self, name):
        await self.window.goto(f"{self.site}/{quote(name)}/")
        await self.is_right()

    async def is_right(self, before=None):
        """Wait until each bar shows the task of its job, and moves if the task runs.

        ``before`` maps the numbers of jobs to what their bars keep or change, see ``bars()``.
        """
        if wrong := await self.wrong(before):
            raise AssertionError(wrong)

    async def wrong(self, before=None, patience=PATIENCE):
        """What is wrong with the page after so many milliseconds, or ""."""
        expected = [{**job, **(before or {}).get(job["id"], {})} for job in self.jobs.expected()]
        return await self.window.evaluate(WAIT, [expected, patience])

    async def bars(self):
        """Map each job to its element's ``mark``, and to the ``token`` that a refresh replaces."""
        bars = await self.window.evaluate("() => oracle.bars()")
        return dict(zip(self.jobs.rows, bars, strict=True))

    async def ends(self, number):
        """End the task of this job; wait until its bar shows that and fired ``success``."""
        self.jobs.end(number)
        await self.is_right({number: {"told": True}})

    async def refresh(self, rows, *, keeping=True, presses=1):
        """Press the page's button, after the site has got these jobs; wait for the bars.

        With ``keeping``, each job must keep its element.
        """
        before = await self.bars()
        if not keeping:
            before = {number: {"token": bar["token"]} for number, bar in before.items()}
        self.jobs.show(rows)
        for _ in range(presses):
            await self.press()
        await self.is_right(before)

    async def back(self):
        """Go back as a script does: for a user, browsers pass over pages that nobody clicked in."""
        await self.window.evaluate("() => void setTimeout(() => history.back())")

    async def press(self):
        await self.window.evaluate("() => oracle.refresh()")
