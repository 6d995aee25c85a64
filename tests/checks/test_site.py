"""Checks of the Django site."""

import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles import finders
from django.core.checks import run_checks

from progress import modules

APPLICATIONS = "tests.checks.applications"


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "after_others",
        "below_a_prefix",
        "in_middleware",
        "mounted",
        "embedded",
        "by_hand",  # it may have the route
    ],
)
def test_an_application_with_the_websocket_route_passes(settings, ids, name):
    settings.ASGI_APPLICATION = f"{APPLICATIONS}.{name}"
    assert ids() == []


@pytest.mark.parametrize(
    "name",
    [
        "pages",
        "static_files",
        "without_websockets",
        "with_other_sockets",
        "with_other_sockets_in_middleware",
    ],
)
def test_an_application_without_the_websocket_route_is_reported(settings, ids, name):
    settings.ASGI_APPLICATION = f"{APPLICATIONS}.{name}"
    assert ids() == ["W005"]


@pytest.mark.parametrize(
    "path", [None, "", "nowhere.application", f"{APPLICATIONS}.nothing", "no path"]
)
def test_a_site_without_an_asgi_application_is_reported(settings, ids, path):
    settings.ASGI_APPLICATION = path
    assert ids() == ["W004"]


def test_urls_that_are_not_included_are_reported(settings, ids):
    settings.ROOT_URLCONF = "tests.support.no_urls"
    assert ids() == ["W006"]


def test_a_process_without_urls_passes(settings, ids):
    del settings.ROOT_URLCONF
    assert ids() == []


def test_runserver_without_daphne_is_reported_where_it_may_be_used(settings, ids):
    settings.DEBUG = True
    assert ids() == ["W007"]
    settings.INSTALLED_APPS = ["daphne", *settings.INSTALLED_APPS]
    assert ids() == []


def test_daphne_behind_staticfiles_is_reported_by_daphne(settings):
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "daphne"]
    assert "daphne.E001" in [message.id for message in run_checks()]


def test_a_site_needs_no_staticfiles(settings, ids):
    settings.INSTALLED_APPS = [
        name for name in settings.INSTALLED_APPS if not name.endswith("staticfiles")
    ]
    settings.STATIC_URL = None
    assert ids() == []


def test_staticfiles_finds_every_module_of_a_checkout():
    assert modules.FOLDER == modules.CHECKOUT
    paths = list(modules.CHECKOUT.glob("*.js"))
    assert modules.CHECKOUT / modules.ELEMENT in paths
    for path in paths:
        assert finders.find(f"progress/{path.name}") == str(path)


def test_without_that_it_finds_none(settings):
    """The twin: the package itself has no static files."""
    settings.STATICFILES_DIRS = []
    finders.get_finder.cache_clear()
    assert finders.find(f"progress/{modules.ELEMENT}") is None


def test_the_site_of_a_checkout_may_name_the_folder_itself(settings):
    settings.STATICFILES_DIRS = (("progress", modules.CHECKOUT),)
    modules.add_to_staticfiles()
    assert len(django_settings.STATICFILES_DIRS) == 1
