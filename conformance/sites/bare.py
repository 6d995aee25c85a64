"""A bare ASGI function."""

import json

from progress.asgi import application as progress

from .host import started


async def application(scope, receive, send):
    root = scope.get("root_path", "")
    path = scope.get("path", "").removeprefix(root)
    if scope["type"] == "http" and path.startswith("/start/"):
        answer = await started(path.removeprefix("/start/"), f"{root}/progress")
        headers = [(b"content-type", b"application/json")]
        head = {"status": 202 if answer else 404, "headers": headers}
        await send({"type": "http.response.start", **head})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})
    elif scope["type"] == "lifespan":
        await progress(scope, receive, send)
    else:
        await progress({**scope, "root_path": f"{root}/progress"}, receive, send)
