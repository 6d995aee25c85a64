"""The pages of docs/frameworks.md: each changes its bars step by step, while their tasks run."""

import pytest

from tests.frameworks.page import AWAY
from tests.frameworks.variants import VARIANTS

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: What `make test` runs: a page of each framework.
QUICK = (
    "react19-hydrated",
    "vue",
    "svelte",
    "lit",
    "alpine",
    "htmx2",
    "htmx4",
    "turbo",
    "idiomorph",
)
#: Pages whose refresh keeps the element of each job.
KEEPING = (
    *QUICK,
    "react18",
    "react19",
    "react18-hydrated",
    "react18-late",
    "react19-late",
    "morphdom",
    "alpine-morph",
    "htmx2 morph:innerHTML",
    "htmx4 innerMorph",
    "react18 event",
    "react18 event-hydrated",
    "react19 event",
    "react19 event-hydrated",
    "react19 text-hydrated",
    "vue event",
    "svelte event",
    "lit event",
    "alpine event",
)
#: Pages whose refresh replaces elements: all, or those that the tag's script moves to or from.
REPLACING = (
    "htmx2 innerHTML",
    "htmx2 outerHTML",
    "htmx2 script",
    "htmx4 innerHTML",
    "htmx4 outerHTML",
    "turbo script",
    "idiomorph script",
)
#: Pages in which an element belongs to a place in the list, and gets another job's task.
UNKEYED = tuple(name for name in VARIANTS if name.endswith("unkeyed"))
#: Pages that refresh themselves when a task succeeds.
LISTENING = tuple(name for name in VARIANTS if name.endswith("success"))
TAKE_OUT = "() => { window.kept = document.querySelector('ul'); kept.remove() }"
PUT_BACK = "() => document.getElementById('jobs').append(kept)"


def slow(*names):
    return [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", slow(*KEEPING, *REPLACING, *UNKEYED))
async def test_each_bar_shows_the_task_of_its_job(page, name, subtests):
    jobs = page.jobs
    jobs.show({1: jobs.task(), 2: jobs.task(), 3: None})
    await page.open(name)
    await page.ends(2)

    async def step(what, rows, presses=1):
        with subtests.test(what):
            await page.refresh(rows, keeping=name in KEEPING, presses=presses)

    await step("add", rows := {**jobs.rows, 4: jobs.task()})
    await step("start", rows := {**rows, 3: jobs.task()})
    await step("change in place", rows := {**rows, 1: jobs.task(), 2: jobs.task()})
    await page.ends(2)
    await step("reorder", rows := dict(reversed(rows.items())))
    await step("remove", {number: rows[number] for number in (4, 1)})
    await step("bring back", rows)
    await step("remove", {})
    await step("bring back", rows)
    await step("server refresh", rows)
    await step("server refresh", rows, presses=5)


@pytest.mark.parametrize("name", slow(*LISTENING))
async def test_the_framework_hears_that_a_task_succeeds(page, name):
    page.jobs.start(3)
    await page.open(name)
    before = await page.bars()
    page.jobs.end(2)
    await page.is_right(before)


@pytest.mark.parametrize("away", AWAY)
async def test_a_list_that_is_kept_outside_of_the_page_goes_on_when_it_is_back(page, away):
    """As Vue's KeepAlive keeps it."""
    page.jobs.start(3)
    await page.open("vue")
    await page.window.evaluate(TAKE_OUT)
    await page.window.until(away)
    page.jobs.end(2)
    await page.window.evaluate(PUT_BACK)
    await page.is_right()
