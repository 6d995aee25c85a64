"""The demo's ASGI application under the policy of ``strict_settings``, with a new database."""

import os

import django
from django.core.management import call_command

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.frontend.strict_settings"
django.setup()
call_command("migrate", verbosity=0)

from asgi import application  # noqa: E402 - after Django is set up

__all__ = ["application"]
