"""Chromium, driven by Playwright."""

import json
import os
from contextlib import asynccontextmanager

from playwright.async_api import Error, async_playwright

from tests.support.browser import ARGS, NAMES
from tests.support.engines.page import PageError, Window, called, given, program


class Chromium:
    """A headless Chromium."""

    name = "chromium"

    def __init__(self, browser, folder):
        self.browser = browser
        self.folder = folder
        self.version = browser.version

    @classmethod
    @asynccontextmanager
    async def running(cls, folder):
        path = program("Chromium", NAMES, "chromium")
        env = {**os.environ, "HOME": str(folder)}
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=path, args=ARGS, env=env)
            yield cls(browser, folder)
            await browser.close()

    @asynccontextmanager
    async def profile(self, complaints):
        context = await self.browser.new_context(reduced_motion="reduce")

        async def open_window():
            page = await context.new_page()
            page.on("pageerror", lambda error: complaints.append(f"{error}"))
            page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
            return ChromiumWindow(page)

        try:
            yield open_window
        finally:
            await context.close()


class ChromiumWindow(Window):
    """A window; ``page`` is Playwright's, for what only Chromium can."""

    def __init__(self, page):
        self.page = page

    async def goto(self, url):
        await self.page.goto(url)

    async def evaluate(self, function, argument=None):
        try:
            return json.loads(await self.page.evaluate(called(function), given(argument)))
        except Error as error:
            raise PageError(error.message) from None

    async def screenshot(self):
        return await self.page.screenshot()

    async def resize(self, width, height):
        await self.page.set_viewport_size({"width": width, "height": height})

    async def press(self, key):
        await self.page.keyboard.press(key)

    async def click(self, x, y):
        await self.page.mouse.click(x, y)

    async def print(self):
        return await self.page.pdf()

    async def back(self):
        await self.page.go_back(wait_until="commit")

    async def close(self):
        await self.page.close()
