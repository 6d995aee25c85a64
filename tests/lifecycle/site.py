"""The web side of the lives: the tests' own, with the lives' Celery application."""

import tests.lifecycle.tasks  # noqa: F401 - a site knows its Celery application, the first is current
from tests.support.asgi import application  # noqa: F401
