"""The worker of all sites: a bare Celery application, with no Django settings."""

from progress import configure

from .redis import URL

configure(redis_url=URL)

from .tasks import app  # noqa: E402, F401 - what Celery runs
