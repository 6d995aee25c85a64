"""How a bar looks in each engine: on paper, in forced colours, at rest, and in a narrow window."""

import re
import zlib

import pytest

from tests.engines.bars import BAR, shows
from tests.support.engines import windows
from tests.support.engines.firefox import Firefox

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

#: A colour that nothing else on the page has; in a PDF file its parts are 0.2, 0.4 and 0.6.
FILL = f"() => {BAR}.style.setProperty('--task-progress-color', '#336699')"
PRINTED = re.compile(rb"(?<![\d.])0?\.2\d* 0?\.4\d* 0?\.6\d* (?:rg|scn?|k)\b")
STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
PART = f"{BAR}.shadowRoot.querySelector('[part=bar]')"
FILLED = f"{BAR}.shadowRoot.querySelector('[part=fill]')"
#: Whether forced colours are on, and the bar is outlined and filled in a colour of the system.
FORCED = f"""() => {{
  const style = "background: Highlight; forced-color-adjust: none"
  const probe = document.body.appendChild(Object.assign(document.createElement("p"), {{ style }}))
  const [own, system] = [{FILLED}, probe].map((each) => getComputedStyle(each).backgroundColor)
  return matchMedia("(forced-colors: active)").matches && own === system &&
    getComputedStyle({PART}).outlineStyle === "solid"
}}"""
FITS = f"() => document.documentElement.scrollWidth <= innerWidth && {PART}.clientWidth > 100"
AT_REST = f"""() => matchMedia("(prefers-reduced-motion)").matches &&
  getComputedStyle({FILLED}).transitionDuration === "0s" """


async def show_half(window, site):
    """Show a bar at 50 %."""
    job = site.start()
    await window.goto(f"{site.url}/bar/{job.id}/")
    job.say(50)
    await shows(window, "50% Running")
    return job


# WebKitGTK's driver cannot print, and WebKitGTK knows no forced colours.
@pytest.mark.parametrize("engine", ["chromium", "firefox"], indirect=True)
async def test_a_printed_page_has_the_filled_bar(window, site):
    job = await show_half(window, site)
    await window.evaluate(FILL)
    texts = [inflated(each) for each in STREAM.findall(await window.print())]
    assert any(PRINTED.search(text) for text in texts)
    job.say("success")


def inflated(stream):
    try:
        return zlib.decompressobj().decompress(stream)
    except zlib.error:
        return b""


async def test_in_forced_colours_chromium_draws_the_bar(site, engines):
    async with windows(await engines("chromium")) as open_window:
        window = await open_window()
        await window.page.emulate_media(forced_colors="active")
        await forced_colours(window, site)


async def test_in_forced_colours_firefox_draws_the_bar(site, tmp_path):
    forced = {"browser.display.document_color_use": 2}
    async with Firefox.running(tmp_path, forced) as firefox, windows(firefox) as open_window:
        await forced_colours(await open_window(), site)


async def forced_colours(window, site):
    job = await show_half(window, site)
    assert await window.evaluate(FORCED)
    job.say("success")


async def test_a_bar_fits_a_narrow_window(window, site):
    job = await show_half(window, site)
    await window.resize(450, 600)
    await window.until(FITS)
    job.say("success")


async def test_a_waiting_bar_rests_where_motion_is_reduced(window, site):
    job = await show_half(window, site)
    assert await window.evaluate(AT_REST)
    job.say("success")
