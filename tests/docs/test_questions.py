"""The answer of docs/questions.md on tests, run as it stands in a site of its own."""

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
    (tmp_path / "site_settings.py").write_text(SITE + block("# settings of the tests"))
    (tmp_path / "site_urls.py").write_text(URLS)
    (tmp_path / "tests.py").write_text(tests)
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "site_settings"}
    command = [sys.executable, "-m", "django", "test", "--pythonpath", "."]
    more = {"cwd": tmp_path, "env": env, "capture_output": True, "text": True, "timeout": 60}
    ran = subprocess.run(command, check=False, **more)
    assert "Ran 1 test" in ran.stderr, ran.stderr
    assert ran.returncode == 0, ran.stderr
