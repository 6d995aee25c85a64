"""Progress elements on an empty page."""

ADD = """([taskId, attributes]) => {
  const bar = document.createElement("task-progress")
  bar.id = taskId
  for (const [name, value] of Object.entries({ "task-id": taskId, ...attributes }))
    bar.setAttribute(name, value)
  document.body.append(bar)
}"""


async def add(page, task_id="a", **attributes):
    """Add an element by script, as an application does; its id is the task id by default."""
    await page.evaluate(ADD, [task_id, attributes])
    return page.locator(f'[id="{attributes.get("id", task_id)}"]')


def part(bar, name):
    """The part of the element that has this name in CSS."""
    return bar.locator(f"[part={name}]")


async def settled(page):
    """Wait until all timers that are due now have run."""
    await page.evaluate("() => new Promise((done) => setTimeout(done))")
