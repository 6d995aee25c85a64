"""Django settings of the tests; fixtures put the running server's address in."""

import json
import os

from progress.layers import redis_layer

SECRET_KEY = "tests"
INSTALLED_APPS = ["django.contrib.staticfiles", "progress"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
ROOT_URLCONF = "tests.urls"
STATIC_URL = "static/"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
PROGRESS_REDIS_URL = os.environ.get("TEST_REDIS_URL", "memory://")
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
LAYER_URL = os.environ.get("TEST_LAYER_URL", PROGRESS_REDIS_URL)
if LAYER_URL != "memory://":
    CHANNEL_LAYERS = {"default": redis_layer(LAYER_URL)}

USE_TZ = True
ASGI_APPLICATION = "tests.asgi.application"
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
# What a fault scenario sets, as JSON.
globals().update(json.loads(os.environ.get("TEST_SETTINGS", "{}")))
