"""The oracle of these tests, on pages that are wrong."""

import pytest

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

BAR = "const [bar, other] = document.querySelectorAll('task-progress');"
WRONGS = {
    "another task's attributes": (
        f"() => {{ {BAR} for (const name of ['task-id', 'token'])"
        " bar.setAttribute(name, other.getAttribute(name)) }",
        "Job 1: task-id is",
    ),
    "another bar's place": (f"() => {{ {BAR} bar.before(other) }}", "Job 1: name is Job 2"),
    "a bar too much": (f"() => {{ {BAR} bar.before(bar.cloneNode()) }}", "3 bars for 2 jobs"),
    "a bad token": (f"() => {{ {BAR} bar.setAttribute('token', 'bad') }}", "refused"),
    "a wrong label": (
        f"() => {{ {BAR} bar.shadowRoot.querySelector('[part=label]').textContent = 'Import x' }}",
        "is shown as Import x",
    ),
    "a second websocket": (
        "() => { window.second = new WebSocket('/ws/progress/') }",
        "2 websockets are open",
    ),
    "an error on the console": ("() => console.error('Hydration failed')", "Hydration failed"),
    "an error": ("() => void setTimeout(() => { throw Error('thrown') })", "thrown"),
}


@pytest.mark.parametrize("what", WRONGS)
async def test_what_is_wrong_is_found(page, what, complaints):
    complaints.append("")
    page.jobs.start(2)
    await page.open("vue")
    script, words = WRONGS[what]
    await page.window.evaluate(script)
    assert words in await page.wrong(patience=500)


@pytest.mark.parametrize("version", [18, 19])
async def test_a_mismatch_in_hydration_is_found(page, version, complaints):
    complaints.append("")
    page.jobs.start(2)
    await page.open(f"react{version}-hydrated")
    await page.window.goto(f"{page.site}/react{version}-hydrated/?mismatch")
    assert "hydrat" in (await page.wrong(patience=500)).lower()
