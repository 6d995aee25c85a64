"""The view that serves the JavaScript modules, and their addresses."""

import gzip

import pytest
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.db import connection
from django.test import AsyncClient, Client
from django.urls import set_script_prefix
from django.utils import translation

from progress import modules
from progress.modules import FOREVER, address, addresses

NAMES = sorted(path.name for path in modules.FOLDER.glob("*.js"))
OLD = "/progress/modules/0123456789abcdef/"


def get(path, method="get", **headers):
    return getattr(Client(headers=headers), method)(path)


@pytest.mark.parametrize("name", NAMES)
def test_every_module_is_served_for_a_year(name):
    answer = get(address(name))
    assert answer.status_code == 200
    assert answer.content == (modules.FOLDER / name).read_bytes()
    assert answer["Content-Type"] == "text/javascript"
    assert answer["Cache-Control"] == FOREVER
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer["Vary"] == "Accept-Encoding"


async def test_an_asgi_server_serves_them_too():
    answer = await AsyncClient().get(address())
    assert (answer.status_code, answer["Cache-Control"]) == (200, FOREVER)
    assert answer.content == (modules.FOLDER / modules.ELEMENT).read_bytes()


def test_a_page_of_another_version_gets_the_present_text_and_does_not_keep_it():
    answer = get(f"{OLD}socket.js")
    assert answer.content == get(address("socket.js")).content
    assert answer["Cache-Control"] == "no-cache"
    again = get(f"{OLD}socket.js", if_none_match=answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert get(f"{OLD}socket.js", if_none_match='"another"').status_code == 200


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.8", "gzip;q=0.5, *;q=0", "GZIP"])
def test_a_client_that_accepts_it_gets_compressed_text(accepted):
    answer = get(address(), accept_encoding=accepted)
    assert answer["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content) == (modules.FOLDER / modules.ELEMENT).read_bytes()


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.0, br", "identity"])
def test_any_other_client_gets_plain_text(accepted):
    assert "Content-Encoding" not in get(address(), accept_encoding=accepted)


@pytest.mark.parametrize("name", ["nothing.js", "package.json", "..%2Fapps.py", ".js"])
def test_nothing_else_is_served(name):
    assert get(OLD + name).status_code == 404


@pytest.mark.parametrize(("method", "status"), [("head", 200), ("post", 405), ("put", 405)])
def test_modules_are_only_read(method, status):
    assert get(address(), method).status_code == status


def test_an_edited_module_is_served_without_a_restart_in_debug(settings, tmp_path, monkeypatch):
    (tmp_path / modules.ELEMENT).write_text("old")
    monkeypatch.setattr(modules, "FOLDER", tmp_path)
    settings.DEBUG = True
    before = address()
    assert get(before).content == b"old"
    (tmp_path / modules.ELEMENT).write_text("new")
    assert address() != before
    assert get(address()).content == get(before).content == b"new"


@pytest.fixture
def visitor(settings):
    """A client with a session, and a site with the usual middleware."""
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.locale.LocaleMiddleware",
        "django.middleware.gzip.GZipMiddleware",
        "django.middleware.http.ConditionalGetMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ]
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    session = SessionStore()
    session["cart"] = 1
    session.save()
    return Client(headers={"cookie": f"sessionid={session.session_key}"})


def test_the_session_of_the_visitor_is_not_read(visitor):
    answer = visitor.get(address())
    assert answer.status_code == 200
    assert "Cookie" not in answer["Vary"]
    assert not answer.cookies


def test_no_login_is_required(visitor, settings):
    settings.MIDDLEWARE += ["django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert Client().get(address()).status_code == 200


def test_a_module_carries_no_cookie_even_where_each_response_has_one(visitor, settings):
    settings.SESSION_SAVE_EVERY_REQUEST = True
    assert visitor.get("/progress/a/").cookies
    for path in (address(), f"{OLD}socket.js"):
        first = visitor.get(path)
        again = visitor.get(path, headers={"if-none-match": first["ETag"]})
        assert (first.status_code, again.status_code) == (200, 304)
        assert not first.cookies
        assert not again.cookies


def test_no_database_is_asked_where_each_request_is_a_transaction(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    assert get(address()).status_code == 200  # pytest-django would refuse a connection


def test_an_address_has_the_prefix_of_the_site(settings):
    settings.FORCE_SCRIPT_NAME = "/app"
    try:
        set_script_prefix("/app/")
        assert address().startswith("/app/progress/modules/")
        assert get(address().removeprefix("/app")).status_code == 200
    finally:
        set_script_prefix("/")


def test_an_address_may_begin_with_a_language(settings):
    settings.ROOT_URLCONF = "tests.frontend.i18n_urls"
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware"]
    with translation.override("de"):
        path = address()
    assert path.startswith("/de/progress/modules/")
    assert get(path).status_code == 200


def test_the_addresses_are_those_of_what_the_element_imports_at_once():
    names = [path.rpartition("/")[2] for path in addresses()]
    assert names[0] == modules.ELEMENT
    assert {"events.js", "socket.js"} < set(names)
    assert not {"fallback.js", "refusals.js", "cancel.js", "watch.js"} & set(names)
