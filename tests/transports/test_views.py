"""The JSON state over HTTP, and the template tag."""

import json
import re
from urllib.parse import quote

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections
from django.template import Context, Template
from django.test import AsyncClient, AsyncRequestFactory, Client
from django.urls import NoReverseMatch

from progress import aaddresses, addresses, amake_token, make_token
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


def test_the_state_is_served_under_wsgi_too(task):
    assert Client().get(state(task)).json()["state"] == "STARTED"


@pytest.mark.promise(8)
async def test_a_task_id_without_a_record_has_the_state_unknown(redis_url):
    event = (await AsyncClient().get(state("nobody"))).json()
    assert (event["state"], event["complete"], event["success"]) == ("UNKNOWN", False, None)


async def test_a_store_that_does_not_answer_causes_a_503(settings):
    settings.PROGRESS_REDIS_URL = "redis://127.0.0.1:1/0"
    response = await AsyncClient().get(state("a"))
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "does not answer" in response.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"), [("get", "/"), ("get", "/events"), ("post", "/cancel/")]
)
def test_a_site_may_make_each_request_a_transaction(monkeypatch, method, path):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    answer = getattr(Client(), method)(f"/progress/a{path}")
    assert answer.status_code in {403, 501}


async def test_the_state_accepts_only_get_and_head(redis_url):
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


def test_the_tag_accepts_an_asyncresult():
    task = type("AsyncResult", (), {"id": "a1"})()
    assert 'task-id="a1"' in render("{% progress_bar task %}", task=task)


def test_only_the_first_bar_of_a_page_adds_the_script():
    html = render("{% for id in ids %}{% progress_bar id %}{% endfor %}", ids="abc")
    assert html.count("<script") == 1
    assert html.count("<task-progress") == 3


def test_the_tag_accepts_another_websocket_address():
    html = render('{% progress_bar "a" socket="wss://push.example/ws/" %}')
    assert 'socket="wss://push.example/ws/"' in html


def test_an_id_cannot_break_out_of_the_page():
    html = render("{% progress_bar task_id %}", task_id='"><script>alert(1)</script>')
    assert "<script>alert" not in html


def test_a_bar_without_a_task_is_an_error():
    with pytest.raises(ValueError, match="needs a task"):
        render("{% progress_bar '' %}")


def test_a_bar_without_progress_urls_is_an_error(settings):
    settings.ROOT_URLCONF = "tests.support.no_urls"
    with pytest.raises(NoReverseMatch):
        render("{% progress_bar 'a' %}")


def cancel(task_id, fields=None, **headers):
    """The answer to a form of a page."""
    fields = {"token": make_token(task_id, actions=["cancel"]), **(fields or {})}
    return Client().post(f"/progress/{quote(task_id)}/cancel/", fields, headers=headers)


PAGE = "http://testserver/jobs/?page=2"
FORM = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("fields", "headers", "location"),
    [
        ({}, {"referer": PAGE}, PAGE),
        ({"next": "/done/"}, {"referer": PAGE}, "/done/"),
        ({"next": "http://evil.test/"}, {"referer": PAGE}, PAGE),
        ({"next": "//evil.test/"}, {"referer": PAGE}, PAGE),
        ({"next": "javascript:alert(1)"}, {"referer": PAGE}, PAGE),
    ],
)
def test_a_form_that_cancels_leads_back_to_a_page_of_the_site(task, fields, headers, location):
    answer = cancel(task, fields, **FORM, **headers)
    assert (answer.status_code, answer["Location"]) == (303, location)


@pytest.mark.parametrize(
    "headers",
    [
        FORM,
        {**FORM, "referer": "http://evil.test/"},
        {"referer": PAGE},
        {"accept": "*/*", "referer": PAGE},
        {"accept": "application/json", "referer": PAGE},
    ],
)
def test_a_script_or_a_form_without_a_page_to_return_to_gets_json(task, headers):
    answer = cancel(task, **headers)
    assert (answer.status_code, answer.json()) == (202, {"task_id": task})


def test_a_form_without_the_right_to_cancel_gets_the_reason(task):
    answer = cancel(task, {"token": make_token(task)}, **FORM, referer=PAGE)
    assert (answer.status_code, answer.json()["reason"]) == (403, "other_action")


@pytest.fixture
async def lazy(transactional_db):
    """The request of an async view, whose user Django has not read yet."""
    user = await get_user_model().objects.acreate_user("owner", password="1")
    client = AsyncClient()
    await client.aforce_login(user)
    request = AsyncRequestFactory().get("/")
    request.session = SessionStore(client.cookies["sessionid"].value)
    AuthenticationMiddleware(lambda _: None).process_request(request)
    yield request, user
    await sync_to_async(connections.close_all)()


async def test_an_async_view_awaits_addresses_and_tokens(lazy):
    request, user = lazy
    addresses = await aaddresses(request, "a", actions=["watch", "cancel"])
    for token in (addresses["token"], await amake_token("a", request.user)):
        assert read_token(token).user == str(user.pk)
    assert addresses["status_url"] == f"http://testserver/progress/a/?token={addresses['token']}"


@pytest.mark.parametrize(
    "make", [lambda request: addresses(request, "a"), lambda request: make_token("a", request.user)]
)
async def test_an_async_view_that_does_not_await_gets_an_error_that_says_so(lazy, make):
    with pytest.raises(SynchronousOnlyOperation, match=r"await progress\.amake_token\(\)"):
        make(lazy[0])


@pytest.mark.parametrize("task", [None, ""])
@pytest.mark.parametrize("make", [lambda task: addresses("http://x.test", task), make_token])
def test_none_from_delay_on_commit_is_refused_with_a_remedy(task, make):
    with pytest.raises(ValueError, match="delay_on_commit"):
        make(task)


def test_an_id_that_utf_8_cannot_encode_is_refused():
    with pytest.raises(ValueError, match="UTF-8"):
        make_token("\ud800")


def test_every_answer_about_a_task_is_json(task):
    assert json.loads(Client().get(state(task)).content)["type"] == "progress"
