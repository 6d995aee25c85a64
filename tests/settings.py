"""Django settings of the tests; fixtures put the running server's address in."""

import json
import os
import tempfile
from pathlib import Path

from progress.layers import redis_layer

SECRET_KEY = "tests"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "progress",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the fast one
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("TEST_DATABASE", ":memory:"),
        "OPTIONS": {"timeout": 20, "init_command": "PRAGMA synchronous=OFF"},
        # A file, since rules are asked in threads, which share one in memory badly.
        "TEST": {"NAME": Path(tempfile.gettempdir(), f"progress-{os.getpid()}.sqlite3")},
    }
}
ROOT_URLCONF = "tests.support.urls"
STATIC_URL = "static/"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
PROGRESS_REDIS_URL = os.environ.get("TEST_REDIS_URL", "memory://")
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
LAYER_URL = os.environ.get("TEST_LAYER_URL", PROGRESS_REDIS_URL)
if LAYER_URL != "memory://":
    CHANNEL_LAYERS = {"default": redis_layer(LAYER_URL)}

USE_TZ = True
ASGI_APPLICATION = "tests.support.asgi.application"
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
# What a fault scenario sets, as JSON.
globals().update(json.loads(os.environ.get("TEST_SETTINGS", "{}")))
