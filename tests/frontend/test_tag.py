"""``{% progress_bar %}``: what it writes for each argument, request and Content-Security-Policy."""

import re
from types import SimpleNamespace

import pytest
from django.template import Context, RequestContext, Template
from django.test import RequestFactory
from django.urls import set_script_prefix

from progress import modules
from progress.access.tokens import read_token


def render(source, request=None, **context):
    template = Template("{% load progress %}" + source)
    return template.render(RequestContext(request, context) if request else Context(context))


def attribute(html, name):
    """The value of the attribute of the element, or None."""
    found = re.search(rf'<task-progress[^>]* {name}="([^"]*)"', html)
    return found and found[1]


@pytest.fixture
def prefix():
    set_script_prefix("/app/")
    yield "/app"
    set_script_prefix("/")


def test_every_address_has_the_prefix_of_the_site(prefix):
    html = render("{% progress_bar 'a' cancel=True %}")
    assert attribute(html, "socket") == "/app/ws/progress/"
    assert attribute(html, "status").startswith("/app/progress/a/?token=")
    assert attribute(html, "cancel-url") == "/app/progress/a/cancel/"


def test_a_given_socket_address_gets_no_prefix(prefix):
    html = render("{% progress_bar 'a' socket='/elsewhere/' %}")
    assert attribute(html, "socket") == "/elsewhere/"


def test_a_task_of_none_gives_an_element_without_a_task():
    html = render("{% progress_bar task %}", task=None)
    assert attribute(html, "task-id") is None
    assert attribute(html, "token") is None
    assert attribute(html, "socket") == "/ws/progress/"
    assert "State of this task" not in html


def test_an_id_is_escaped_even_with_autoescape_off():
    hostile = '"><script>alert(1)</script>'
    source = "{% autoescape off %}{% progress_bar id label=id cancel=True %}{% endautoescape %}"
    html = render(source, id=hostile)
    assert "<script>alert" not in html
    assert attribute(html, "task-id") == "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"


def test_values_are_escaped_once():
    html = render("{% progress_bar 'a' label='Fish & chips' %}")
    assert attribute(html, "label") == "Fish &amp; chips"


def test_only_an_element_with_cancel_has_a_form_and_the_right_to_cancel():
    plain, cancelling = (
        render("{% progress_bar 'a' cancel=yes %}", yes=yes) for yes in (False, True)
    )
    assert attribute(plain, "cancel-url") is None
    assert "<form" not in plain
    assert read_token(attribute(plain, "token")).actions == ["watch"]
    assert attribute(cancelling, "cancel-url") == "/progress/a/cancel/"
    assert '<form method="post" action="/progress/a/cancel/">' in cancelling
    assert read_token(attribute(cancelling, "token")).actions == ["watch", "cancel"]


def test_the_form_has_the_csrf_token_of_the_page():
    request = RequestFactory().get("/")
    html = render("{% progress_bar 'a' cancel=True %}", request)
    assert 'name="csrfmiddlewaretoken"' in html


NONCES = {
    "django-csp": {"csp_nonce": "n1"},
    "Django 6": {"_csp_nonce": "n1"},
    "none": {},
}


@pytest.mark.parametrize("policy", NONCES)
def test_the_script_and_its_imports_have_the_nonce_of_the_request(policy):
    if policy == "Django 6":
        pytest.importorskip("django.middleware.csp", reason="Django 6 has it")
    request = RequestFactory().get("/")
    vars(request).update(NONCES[policy])
    html = render("{% progress_bar 'a' %}{% progress_bar 'b' %}", request)
    assert html.count("<script") == 1
    assert html.count('nonce="n1"') == (0 if policy == "none" else html.count("/modules/"))


def test_the_script_alone_is_that_of_the_first_bar():
    script = render("{% progress_script %}")
    address = r"/progress/modules/[0-9a-f]{16}/"
    style = modules.address("task-progress.css")
    assert re.findall(r'href="(.*?)"', script) == [style, *modules.addresses()[1:]]
    assert re.fullmatch(
        rf'.*<script type="module" src="{address}task-progress.js"></script>', script
    )
    assert render("{% progress_bar 'a' %}").startswith(f"{script}\n<task-progress")
    assert render("{% progress_script %}{% progress_bar 'a' %}").count("<script") == 1


def test_the_address_of_any_module_can_be_written():
    assert render("{% progress_module 'watch.js' %}") == modules.address("watch.js")
    with pytest.raises(ValueError, match="no module 'wach"):
        render("{% progress_module 'wach.js' %}")


def test_addresses_of_the_script_are_escaped():
    set_script_prefix('/">/')
    try:
        html = render("{% autoescape off %}{% progress_script %}{% endautoescape %}")
    finally:
        set_script_prefix("/")
    assert html.count('">') == html.count("<link") + html.count("<script")


def test_a_lazy_nonce_is_created_by_the_tag():
    class Lazy:
        """As django-csp has it: false until it is read."""

        def __bool__(self):
            return False

        def __str__(self):
            return "n1"

    html = render("{% progress_bar 'a' %}", SimpleNamespace(csp_nonce=Lazy(), META={}, user=None))
    assert 'nonce="n1"' in html


def test_a_page_can_load_the_script_itself():
    assert "<script" not in render("{% progress_bar 'a' script=False %}")
    html = render("{% progress_bar 'a' script=False %}{% progress_bar 'b' %}")
    assert html.count("<script") == 1
