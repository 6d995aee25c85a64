"""FastAPI."""

from fastapi import FastAPI, HTTPException

from progress.asgi import application as progress

from .host import started

application = FastAPI()


@application.post("/start/{kind}", status_code=202)
async def start(kind: str) -> dict[str, str]:
    answer = await started(kind)
    if answer is None:
        raise HTTPException(404)
    return answer


application.mount("/progress", progress)
