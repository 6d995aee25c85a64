"""The tests' ASGI application, which collects its static files before it serves them."""

import os

import django
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()
call_command("collectstatic", interactive=False, verbosity=0)

from tests.support.asgi import application  # noqa: E402 - WhiteNoise looks for files once

__all__ = ["application"]
