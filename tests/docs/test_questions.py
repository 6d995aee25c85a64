"""Answers of docs/questions.md, run as they stand in sites of their own."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs/questions.md").read_text()
SITE = """
SECRET_KEY = "questions"
INSTALLED_APPS = ["progress"]
ROOT_URLCONF = "site_urls"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
"""
URLS = """
from celery import Celery
from django.http import JsonResponse
from django.urls import include, path
from progress import addresses, track

app = Celery("questions")
app.config_from_object("django.conf:settings", namespace="CELERY")

@app.task
def import_rows():
    for _ in track(range(100), description="Importing"):
        pass

def start(request):
    return JsonResponse(addresses(request, import_rows.delay()))

urlpatterns = [path("start/", start), path("progress/", include("progress.urls"))]
"""


def block(first_line):
    """The block of the page that begins with this line."""
    [found] = re.findall(rf"^```python\n{first_line}\n(.*?)^```", PAGE, re.M | re.S)
    return found


def test_a_plain_test_case_can_ask_what_a_task_reported(tmp_path):
    tests = f"import time\nfrom django.test import TestCase\n{block('# tests.py')}"
    settings = SITE + block("# settings of the tests")
    run_tests(tmp_path, {"site_settings": settings, "site_urls": URLS, "tests": tests})


API = """
from celery import shared_task
from django.urls import include, path
from rest_framework.authentication import TokenAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from progress import addresses, track

@shared_task
def import_rows(name):
    for _ in track(range(3)):
        pass

class Import(APIView):
{view}
urlpatterns = [path("imports/", Import.as_view()), path("progress/", include("progress.urls"))]
"""
API_TESTS = """
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.test import TransactionTestCase
from rest_framework.authtoken.models import Token

from progress.routing import websocket_urlpatterns

PAGE = [(b"host", b"testserver"), (b"origin", b"http://testserver")]

async def first_frame(started):
    socket = WebsocketCommunicator(URLRouter(websocket_urlpatterns), "/ws/progress/", PAGE)
    assert (await socket.connect())[0]
    names = ("task_id", "token")
    await socket.send_json_to({"type": "subscribe", **{name: started[name] for name in names}})
    frame = await socket.receive_json_from(10)
    await socket.disconnect()
    return frame

class Api(TransactionTestCase):
    async def test_the_page_of_the_bearer(self):
        user = await User.objects.acreate_user("ann", password="1")
        token = await Token.objects.acreate(user=user)
        path, bearer = "/imports/", {"authorization": f"Token {token.key}"}
        self.assertEqual((await self.async_client.post(path)).status_code, 401)
        answer = await self.async_client.post(path, headers=bearer)
        started = answer.json()
        self.assertEqual(answer.status_code, 202)
        self.assertEqual((await first_frame(started))["type"], "progress")
        state = await self.async_client.get(started["status_url"])
        self.assertEqual(state.json()["task_id"], started["task_id"])
        user.is_active = False
        await user.asave()
        self.assertEqual((await first_frame(started))["reason"], "other_user")
"""
API_SITE = """
SECRET_KEY = "questions"
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "rest_framework", "rest_framework.authtoken", "progress",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "site_urls"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "TEST": {"NAME": "test.sqlite3"}}}
"""


def test_a_page_may_watch_with_what_an_api_with_token_authentication_answers(tmp_path):
    """Real Django REST framework, and the view of the page as it stands."""
    celery = "from celery import Celery\napp = Celery()\n"
    configure = 'app.config_from_object("django.conf:settings", namespace="CELERY")\n'
    files = {
        "site_settings": API_SITE + block("# settings of the tests"),
        "site_urls": celery + configure + API.format(view=block(r"class Import\(APIView\):")),
        "tests": API_TESTS,
    }
    run_tests(tmp_path, files)


def run_tests(folder, files):
    """Run the one test of a site."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "site_settings"}
    command = [sys.executable, "-m", "django", "test", "--pythonpath", "."]
    more = {"cwd": folder, "env": env, "capture_output": True, "text": True, "timeout": 60}
    ran = subprocess.run(command, check=False, **more)
    assert "Ran 1 test" in ran.stderr, ran.stderr
    assert ran.returncode == 0, ran.stderr
