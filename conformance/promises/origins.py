"""Whose page may open a socket."""

from __future__ import annotations

from urllib.parse import urlsplit

from ..checks import check, expect
from ..deployment.site import FOREIGN, Site


async def refused(site: Site, origin: str) -> None:
    """Raises Broken unless a page of that origin is closed with 4403, on both addresses."""
    task = await site.some()
    for url in (task.websocket_url, task.shared_url):
        async with site.socket(url, origin=origin) as socket:
            await socket.subscribe(task)
            closed = await socket.closed()
        expect(not socket.events(), f"a page of {origin} got an event")
        expect(closed.code == 4403, f"a page of {origin} was closed with {closed.code}, not 4403")


@check("A page of another site is closed with 4403, even with a valid token")
async def foreign(site: Site) -> None:
    await refused(site, FOREIGN)


@check("A page with a similar or an opaque origin is closed with 4403")
async def similar(site: Site) -> None:
    own = urlsplit(site.origin)
    other_scheme = "http" if own.scheme == "https" else "https"
    for origin in (
        "null",
        f"{own.scheme}://{own.hostname}.foreign.example",
        f"{own.scheme}://{own.hostname}:1",
        f"{other_scheme}://{own.netloc}",
        f"{own.scheme}://{own.netloc}@foreign.example",
    ):
        await refused(site, origin)


@check("A page of the site itself needs no cookie, only its token")
async def own(site: Site) -> None:
    task = await site.some()
    for url in (task.websocket_url, task.shared_url):
        async with site.socket(url, origin=site.origin) as socket:
            await socket.subscribe(task)
            await socket.event(task.task_id)


@check("A script without an origin needs no cookie")
async def script(site: Site) -> None:
    task = await site.some()
    async with site.socket(task.shared_url) as socket:
        await socket.subscribe(task)
        await socket.event(task.task_id)
