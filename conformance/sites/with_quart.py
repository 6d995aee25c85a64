"""Quart, which has no mounts, beside which Hypercorn's dispatcher puts ours."""

from hypercorn.middleware import DispatcherMiddleware
from quart import Quart, abort

from progress.asgi import application as progress

from .host import started

app = Quart(__name__)


@app.post("/start/<kind>")
async def start(kind):
    return await started(kind) or abort(404), 202


application = DispatcherMiddleware({"/progress": progress, "": app})
