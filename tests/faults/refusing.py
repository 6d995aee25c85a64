"""A task whose result backend refuses all that it is given; the worker of a row includes this."""

import time

from celery.backends.redis import RedisBackend

from progress import track
from tests.support.celery import app


class Refusing(RedisBackend):
    def encode(self, data):
        raise ValueError("refused")


@app.task(bind=True, backend=Refusing(app=app, url=app.conf.result_backend))
def refused(self):
    for _ in track(range(20), task=self):
        time.sleep(0.05)
