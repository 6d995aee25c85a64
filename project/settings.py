"""The demo's settings: what depends on the machine comes from the environment.

REDIS_URL      broker, results, channel layer and progress (redis://127.0.0.1:6379/0)
DATA_DIR       database, uploads and exports (.demo in the checkout)
SECRET_KEY     one of its own, kept in DATA_DIR: what open pages hold outlives a restart
ALLOWED_HOSTS  host names besides the loopback ones, with commas
CELERY_QUEUE   the queue that this demo's worker serves (channels-progress-demo)
"""

import os
from pathlib import Path

from django.core.management.utils import get_random_secret_key

from progress.layers import redis_layer

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DATA_DIR") or BASE_DIR / ".demo").resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)
REDIS_URL = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/0"

SECRET_FILE = DATA_DIR / "secret-key"
if not SECRET_FILE.exists():
    SECRET_FILE.touch(mode=0o600)
    SECRET_FILE.write_text(get_random_secret_key())
SECRET_KEY = os.environ.get("SECRET_KEY") or SECRET_FILE.read_text()
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
ALLOWED_HOSTS += [host for host in os.environ.get("ALLOWED_HOSTS", "").split(",") if host]

INSTALLED_APPS = ["django.contrib.staticfiles", "progress", "project"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "project.views.csrf_failure"
ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
STATIC_URL = "/static/"
LANGUAGE_CODE = "en"
USE_I18N = False
USE_THOUSAND_SEPARATOR = True
USE_TZ = True
TIME_ZONE = "UTC"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "demo.sqlite3",
        # Two worker processes and the web process write: WAL lets them read meanwhile, and
        # IMMEDIATE makes a writer wait its turn where it would else fail as "locked".
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}
UPLOADS = DATA_DIR / "uploads"
EXPORTS = DATA_DIR / "exports"
UPLOAD_LIMIT = 20 * 1024 * 1024  # bytes

PROGRESS_REDIS_URL = REDIS_URL
CHANNEL_LAYERS = {"default": redis_layer(REDIS_URL)}

CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = REDIS_URL
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("CELERY_QUEUE") or "channels-progress-demo"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# With Redis away, a page hears so in a few seconds and no worker waits for ever.
CELERY_BROKER_CONNECTION_TIMEOUT = 3
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 3, "socket_timeout": 5}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.2}
CELERY_REDIS_SOCKET_CONNECT_TIMEOUT = 3
CELERY_REDIS_SOCKET_TIMEOUT = 5
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"retry_policy": {"timeout": 3}}
