"""Cancelling."""

from __future__ import annotations

from ..checks import check, expect
from ..deployment.site import FOREIGN, Site
from .watching import watched


@check("A token that permits cancelling gets 202, and all watchers get REVOKED")
async def cancel(site: Site) -> None:
    task = await site.start("cancellable")
    async with site.socket(task.websocket_url) as socket, site.socket(task.shared_url) as other:
        await other.subscribe(task)
        await socket.until(lambda event: event.get("current", 0) > 0, 30, "count")
        answer = await site.cancel(task)
        expect(answer.status_code == 202, f"the answer was {answer.status_code}: {answer.text:.80}")
        for each in (socket, other):
            event = await each.outcome()
            expect(event["state"] == "REVOKED", f"it ended with {event['state']}")
            expect(event["success"] is False, f"success was {event['success']}")
        expect((await socket.closed()).code == 1000, "the socket was not closed with 1000")


@check("A token that permits only watching gets 403, and the task continues")
async def forbidden(site: Site) -> None:
    task = await site.start("counting")
    async with site.socket(task.websocket_url) as socket:
        await socket.event()
        answer = await site.cancel(task)
        expect(answer.status_code == 403, f"the answer was {answer.status_code}")
        event = await socket.outcome()
    expect(event["state"] == "SUCCESS", f"it ended with {event['state']}")


@check("A form on a page of the site can cancel; on a page of another site it gets 403")
async def page(site: Site) -> None:
    task = await site.start("cancellable")
    async with site.socket(task.websocket_url) as socket:
        await socket.event()
        answer = await site.cancel_as_page(task, FOREIGN)
        expect(answer.status_code == 403, f"the other site was answered {answer.status_code}")
        answer = await site.cancel_as_page(task, site.origin)
        expect(answer.status_code == 202, f"the site's own page was answered {answer.status_code}")
        event = await socket.outcome()
    expect(event["state"] == "REVOKED", f"it ended with {event['state']}")


@check("Cancelling does not change a task that has ended")
async def over(site: Site) -> None:
    task, socket = await watched(site, "cancellable")
    answer = await site.cancel(task)
    expect(answer.status_code == 202, f"the answer was {answer.status_code}")
    state = await site.ask("GET", task.status_url)
    expect(state.text == socket.texts[-1], f"then its state was {state.text}")


@check("A GET request gets 405")
async def methods(site: Site) -> None:
    task = await site.some()
    answer = await site.ask("GET", task.cancel_url)
    expect(answer.status_code == 405, f"GET was answered with {answer.status_code}")
