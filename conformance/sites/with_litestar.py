"""Litestar."""

from urllib.parse import unquote

from litestar import Litestar, asgi, post
from litestar.exceptions import NotFoundException
from litestar.types import Receive, Scope, Send

from progress.asgi import application as progress

from .host import started


@post("/start/{kind:str}", status_code=202)
async def start(kind: str) -> dict[str, str]:
    answer = await started(kind)
    if answer is None:
        raise NotFoundException
    return answer


@asgi("/progress", is_mount=True, copy_scope=True)
async def mount(scope: Scope, receive: Receive, send: Send) -> None:
    path = unquote(scope["raw_path"].decode())  # Litestar's own always ends with a slash
    await progress({**scope, "path": path, "root_path": "/progress"}, receive, send)


application = Litestar([start, mount])
