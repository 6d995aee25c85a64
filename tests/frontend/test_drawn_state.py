"""The state that ``{% progress_bar %}`` writes into the page, and when it writes none."""

import asyncio
import html
import json
import os
import re
import socket

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.template import RequestContext, Template
from django.test import RequestFactory

from progress import owned_task_id
from progress.events import Event, State
from progress.store import blocking, open_store
from tests.access.rules import denied, raising


def page(task, request=None, options=""):
    """The text that the tag writes, and the event in it or None."""
    request = request or RequestFactory().get("/")
    source = f"{{% load progress %}}{{% progress_bar task {options} %}}"
    text = Template(source).render(RequestContext(request, {"task": task}))
    found = re.search(r' event="([^"]*)"', text)
    return text, found and json.loads(html.unescape(found[1]))


def store_event(task_id="a", state=State.PROGRESS, **more):
    async def put():
        store = open_store()
        await store.put([Event(task_id=task_id, state=state, **more)])
        await store.aclose()
        await asyncio.sleep(0)  # asyncio closes a socket in its next turn

    async_to_sync(put)()


@pytest.fixture(params=["redis", "memory"])
def _kept(request):
    """A store in Redis, or in memory."""
    if request.param == "redis":
        request.getfixturevalue("redis_url")


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Wait long enough for a store that answers on a busy machine."""
    monkeypatch.setattr(blocking, "WITHIN", 10)


@pytest.mark.usefixtures("_kept")
def test_the_page_has_the_newest_event_of_the_task():
    store_event(current=5, total=20, description="<Import>")
    text, event = page("a")
    assert (event["state"], event["current"], event["description"]) == ("PROGRESS", 5, "<Import>")
    assert '<progress aria-label="&lt;Import&gt;" max="100" value="25.0">' in text
    store_event(state=State.SUCCESS, run=event["run"])
    assert page("a")[1]["complete"]


def test_an_unknown_task_has_no_event_in_the_page():
    text, event = page("a")
    assert event is None
    assert '<progress aria-label="Progress"></progress>' in text


def test_a_page_may_do_without_the_state():
    store_event()
    assert page("a", options="state=False")[1] is None


def a_visitor():
    request = RequestFactory().get("/")
    request.user, request.session = AnonymousUser(), SessionStore()
    return request


@pytest.mark.django_db
def test_only_the_owners_page_has_the_state_of_an_owned_task():
    owner = a_visitor()
    task = owned_task_id(owner)
    store_event(task)
    other = a_visitor()
    other.session.create()
    for each in (owner, other):
        each.COOKIES["sessionid"] = each.session.session_key
    assert page(task, owner)[1] is not None
    assert page(task, other)[1] is None
    assert page(task, a_visitor())[1] is None


def everybody(who, task_id, action):
    return action == "watch"


def nobody(who, task_id, action):
    return False


async def unready(who, task_id, action):
    return True


def promising(who, task_id, action):
    return unready(who, task_id, action)


@pytest.mark.parametrize("rule", [everybody, nobody, denied, raising, unready, promising])
def test_the_rule_of_the_site_decides_what_is_in_the_page(settings, rule):
    settings.PROGRESS_PERMISSION = f"{rule.__module__}.{rule.__name__}"
    store_event()
    assert (page("a")[1] is not None) is (rule is everybody)


def test_a_template_without_a_request_has_no_state():
    store_event()
    source = Template("{% load progress %}{% progress_bar 'a' %}")
    assert " event=" not in source.render(RequestContext(None))


@pytest.fixture
def silent(settings, monkeypatch):
    """A server that accepts connections and never answers; the settings name it."""
    monkeypatch.setattr(blocking, "WITHIN", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        settings.PROGRESS_REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        yield server


def connections(server):
    """Return how many connections wait in the server's queue."""
    count = 0
    try:
        while True:
            server.accept()[0].close()
            count += 1
    except BlockingIOError:
        return count


def test_a_store_that_hangs_delays_a_page_of_many_bars_once(silent, caplog):
    pages = [page("a")[1] for _ in range(20)]
    assert pages == [None] * 20
    assert connections(silent) == 1
    assert caplog.text.count("Bars are drawn without their state") == 1


def test_the_state_is_read_again_after_the_pause(silent, settings, monkeypatch):
    page("a")
    monkeypatch.setattr(blocking, "WITHIN", 10)
    settings.PROGRESS_REDIS_URL = "memory://"
    store_event()
    assert page("a")[1] is None
    monkeypatch.setattr(blocking._shared[0], "_paused_until", 0.0)
    assert page("a")[1] is not None


def test_a_forked_process_reads_with_a_thread_of_its_own(redis_url):
    store_event()
    page("a")
    child = os.fork()
    if not child:
        os._exit(0 if page("a")[1] else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_pages_of_many_threads_read_at_once(redis_url):
    from concurrent.futures import ThreadPoolExecutor

    store_event()
    with ThreadPoolExecutor(8) as pool:
        events = list(pool.map(lambda _: page("a")[1], range(100)))
    assert None not in events
    assert len({event["version"] for event in events}) == 1
