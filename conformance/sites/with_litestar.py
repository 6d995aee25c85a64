"""Litestar."""

from litestar import Litestar, asgi, post
from litestar.exceptions import NotFoundException

from progress.asgi import application as progress

from .host import started


@post("/start/{kind:str}", status_code=202)
async def start(kind: str) -> dict[str, str]:
    answer = await started(kind)
    if answer is None:
        raise NotFoundException
    return answer


mount = asgi("/progress", is_mount=True, copy_scope=True)(progress)
application = Litestar([start, mount])
