"""Cancelling."""

from __future__ import annotations

from ..checks import check, expect
from ..deployment.site import FOREIGN, Site
from .watching import watched


@check("With a token that permits it: 202, and all who watch hear REVOKED")
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


@check("With a token that only lets one watch: 403, and the task goes on")
async def forbidden(site: Site) -> None:
    task = await site.start("counting")
    async with site.socket(task.websocket_url) as socket:
        await socket.event()
        answer = await site.cancel(task)
        expect(answer.status_code == 403, f"the answer was {answer.status_code}")
        event = await socket.outcome()
    expect(event["state"] == "SUCCESS", f"it ended with {event['state']}")


@check("From a page of the site it is a form; from a page of another site it is 403")
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


@check("A task that is over stays as it is")
async def over(site: Site) -> None:
    task, socket = await watched(site, "cancellable")
    answer = await site.cancel(task)
    expect(answer.status_code == 202, f"the answer was {answer.status_code}")
    state = await site.ask("GET", task.status_url)
    expect(state.text == socket.texts[-1], f"then its state was {state.text}")


@check("GET is 405")
async def methods(site: Site) -> None:
    task = await site.some()
    answer = await site.ask("GET", task.cancel_url)
    expect(answer.status_code == 405, f"GET was answered with {answer.status_code}")
