"""The state as JSON."""

from __future__ import annotations

from ..checks import check, expect
from ..deployment.site import Site, page_headers
from ..deployment.tasks import altered
from .events import well_formed
from .watching import watched


@check("The JSON state is the event, as application/json")
async def json_state(site: Site) -> None:
    task = await site.some()
    answer = await site.ask("GET", task.status_url)
    expect(answer.status_code == 200, f"the answer was {answer.status_code}")
    kind = answer.headers.get("content-type", "")
    expect(kind.startswith("application/json"), f"its type is {kind}")
    well_formed(answer.json())
    expect(answer.json()["task_id"] == task.task_id, "it was of another task")


@check("The JSON state shows the outcome after the end too")
async def outcome(site: Site) -> None:
    task, socket = await watched(site, "failing")
    for _ in range(3):
        answer = await site.ask("GET", task.status_url)
        expect(answer.text == socket.texts[-1], f"the state was {answer.text}")


@check("Answers must not be cached: Cache-Control is no-store, also for refusals")
async def no_store(site: Site) -> None:
    task = await site.some()
    for each in (task, task.bearing(None), task.bearing(altered(task.token or "", 10))):
        answer = await site.ask("GET", each.status_url)
        control = answer.headers.get("cache-control", "")
        expect("no-store" in control, f"{answer.status_code} came with Cache-Control {control!r}")


@check("HEAD has the same headers and no body")
async def head(site: Site) -> None:
    task = await site.some()
    answer = await site.ask("HEAD", task.status_url)
    expect(answer.status_code == 200, f"the answer was {answer.status_code}")
    expect(answer.content == b"", "there was a body")


@check("Any other method gets 405, and Allow lists the methods")
async def methods(site: Site) -> None:
    task = await site.some()
    for method in ("PUT", "DELETE", "PATCH"):
        answer = await site.ask(method, task.status_url, headers=page_headers(site.origin))
        expect(answer.status_code == 405, f"{method} was answered with {answer.status_code}")
        allowed = answer.headers.get("allow", "")
        expect("GET" in allowed, f"Allow said {allowed!r}")


@check("Answers are not compressed by default")
async def compressed(site: Site) -> None:
    task = await site.some()
    answer = await site.ask("GET", task.status_url)
    encoding = answer.headers.get("content-encoding", "identity")
    expect(encoding == "identity", f"it came as {encoding}")
