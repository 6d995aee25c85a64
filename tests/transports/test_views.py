"""The JSON state over HTTP, and the template tag."""

import json
import re
from urllib.parse import quote

import pytest
from django.template import Context, Template
from django.test import AsyncClient, Client
from django.urls import NoReverseMatch

from progress import make_token
from progress.access.tokens import read_token
from progress.reporting import current
from progress.reporting.current import current_publisher


def state(task_id):
    """The path of a task's state, with the right to watch."""
    return f"/progress/{quote(task_id)}/?token={make_token(task_id)}"


@pytest.fixture
def task(redis_url):
    """A task that has started."""
    run = current_publisher().open("a task/1")
    assert current.flush(5)
    return run.task_id


@pytest.mark.promise(3)
async def test_the_state_of_a_task_is_the_newest_event(task):
    response = await AsyncClient().get(state(task))
    assert response["Content-Type"] == "application/json"
    assert "no-store" in response["Cache-Control"]
    assert (response.json()["state"], response.json()["task_id"]) == ("STARTED", task)


def test_the_state_is_told_under_wsgi_too(task):
    assert Client().get(state(task)).json()["state"] == "STARTED"


@pytest.mark.promise(8)
async def test_an_id_that_nobody_knows_is_unknown(redis_url):
    event = (await AsyncClient().get(state("nobody"))).json()
    assert (event["state"], event["complete"], event["success"]) == ("UNKNOWN", False, None)


async def test_a_store_that_does_not_answer_is_said_so(settings):
    settings.PROGRESS_REDIS_URL = "redis://127.0.0.1:1/0"
    response = await AsyncClient().get(state("a"))
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "does not answer" in response.json()["detail"]


async def test_the_state_is_only_read(redis_url):
    assert (await AsyncClient().post("/progress/a/")).status_code == 405


def render(source, **context):
    return Template("{% load progress %}" + source).render(Context(context))


def test_a_bar_is_an_element_with_the_addresses_of_its_task():
    html = render("{% progress_bar task_id %}", task_id="a1")
    element = (
        r'<task-progress task-id="a1" token="([^"]+)" socket="/ws/progress/" status="([^"]+)">'
    )
    token, status = re.search(element, html).groups()
    assert read_token(token).task_id == "a1"
    assert status == f"/progress/a1/?token={token}"
    assert "<progress" in html


def test_a_bar_takes_the_result_of_starting_a_task():
    task = type("AsyncResult", (), {"id": "a1"})()
    assert 'task-id="a1"' in render("{% progress_bar task %}", task=task)


def test_the_script_comes_with_the_first_bar_only():
    html = render("{% for id in ids %}{% progress_bar id %}{% endfor %}", ids="abc")
    assert html.count("<script") == 1
    assert html.count("<task-progress") == 3


def test_another_address_of_the_websocket_can_be_given():
    html = render('{% progress_bar "a" socket="wss://push.example/ws/" %}')
    assert 'socket="wss://push.example/ws/"' in html


def test_an_id_cannot_break_out_of_the_page():
    html = render("{% progress_bar task_id %}", task_id='"><script>alert(1)</script>')
    assert "<script>alert" not in html


def test_a_bar_without_a_task_is_an_error():
    with pytest.raises(ValueError, match="needs a task"):
        render("{% progress_bar '' %}")


def test_a_bar_without_our_addresses_is_an_error(settings):
    settings.ROOT_URLCONF = "tests.support.no_urls"
    with pytest.raises(NoReverseMatch):
        render("{% progress_bar 'a' %}")


def test_what_the_store_says_is_json(task):
    assert json.loads(Client().get(state(task)).content)["type"] == "progress"
