"""celery-progress and websockets, for comparison, in an environment of their own."""
