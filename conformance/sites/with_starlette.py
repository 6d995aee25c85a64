"""Starlette."""

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from progress.asgi import application as progress

from .host import started


async def start(request):
    answer = await started(request.path_params["kind"])
    return JSONResponse(answer, 202 if answer else 404)


application = Starlette(
    routes=[Route("/start/{kind}", start, methods=["POST"]), Mount("/progress", progress)]
)
