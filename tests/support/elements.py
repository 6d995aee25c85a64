"""Elements on a page that holds nothing else."""

ADD = """([taskId, attributes]) => {
  const bar = document.createElement("task-progress")
  bar.id = taskId
  for (const [name, value] of Object.entries({ "task-id": taskId, ...attributes }))
    bar.setAttribute(name, value)
  document.body.append(bar)
}"""


async def add(page, task_id="a", **attributes):
    """Add an element by script, as an application does; its id is the task's."""
    await page.evaluate(ADD, [task_id, attributes])
    return page.locator(f'[id="{attributes.get("id", task_id)}"]')


def part(bar, name):
    """A part of the element, as its CSS is told."""
    return bar.locator(f"[part={name}]")


async def settled(page):
    """Wait until the timers that are due now have run, and with them what an element put off."""
    await page.evaluate("() => new Promise((done) => setTimeout(done))")
