"""The demo's page, as people use it."""

from playwright.async_api import expect

PATIENCE = 60_000  # ms


class JobsPage:
    """The page in one window."""

    def __init__(self, page):
        self.page = page
        self.problem = page.locator("#problem")
        self.sockets = []
        page.on("websocket", self._note)

    @classmethod
    async def opened(cls, page):
        """The page, opened in this window."""
        jobs_page = cls(page)
        await page.goto("/")
        return jobs_page

    def _note(self, socket):
        self.sockets.append(socket)

    async def start(self, button):
        """Click, and return the job that is now in the list."""
        return (await self.start_all(button))[0]

    async def start_all(self, button):
        """Click, and return the jobs that are now in the list, the first one first."""
        async with self.page.expect_response("**/jobs/*/") as response:
            await self.page.get_by_role("button", name=button).click()
        started = await (await response.value).json()
        addresses = started.get("tasks", [started])
        jobs = [self.job(address["task_id"]) for address in addresses]
        for job in jobs:
            await expect(job.bar).to_be_attached()
        return jobs

    async def upload(self, name, content):
        """Import a file."""
        await self.page.get_by_label("Or a file of your own").set_input_files(
            {"name": name, "mimeType": "text/csv", "buffer": content}
        )
        return await self.start("Import this file")

    def job(self, task_id):
        return ShownJob(self.page, task_id)


class ShownJob:
    """One job in the list."""

    def __init__(self, page, task_id):
        self.task_id = task_id
        self._page = page
        self.item = page.locator(f"#job-{task_id}")
        self.bar = self.item.locator("task-progress")
        self.outcome = self.item.locator(".outcome")

    async def has_state(self, state):
        """Wait until the bar is in the state."""
        await expect(self.bar).to_have_attribute("state", state, timeout=PATIENCE)

    async def reaches(self, part):
        """Wait until the bar shows at least this part of the whole."""
        await self._page.wait_for_function(
            "([id, part]) => shown[id]?.at(-1).value >= part", arg=[self.task_id, part]
        )

    async def shown(self):
        """Return what the bar has shown so far, in order, from the job's first event on."""
        shown = await self._page.wait_for_function(
            "id => !undrawn.has(id) && (shown[id] ?? [])", arg=self.task_id
        )
        return await shown.json_value()

    async def fired(self):
        """The events that the bar has fired until now, in order: their types and details."""
        return await self._page.evaluate(
            """id => events.filter(({ detail }) => detail.task_id === id)
              .map(({ type, detail }) => [type, detail])""",
            self.task_id,
        )
