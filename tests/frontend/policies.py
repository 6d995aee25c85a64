"""Pages with a Content Security Policy, made by the middleware of Django 6 or of django-csp."""

from importlib.util import find_spec

from django.http import HttpResponse
from django.template import RequestContext, Template
from django.urls import include, path

if find_spec("django.utils.csp"):
    from django.utils.csp import CSP
    from django.views.decorators.csp import csp_override as policy

    NONCE = CSP.NONCE
else:
    from csp.constants import NONCE
    from csp.decorators import csp as policy

NONE, SELF = "'none'", "'self'"
BAR = {"default-src": [NONE], "connect-src": [SELF], "style-src": [SELF]}
TRUSTED = {"require-trusted-types-for": ["'script'"], "trusted-types": [NONE]}
DYNAMIC = {"script-src": [NONCE, "'strict-dynamic'"]}
POLICIES = {
    "self": {**BAR, "script-src": [SELF]},
    "nonce": {**BAR, "script-src": [NONCE]},
    "strict-dynamic": {**BAR, **DYNAMIC},
    "no-style": {**BAR, "script-src": [SELF], "style-src": [NONE]},
    "trusted-types": {**BAR, "script-src": [SELF], **TRUSTED},
    "all": {
        **BAR,
        **DYNAMIC,
        **TRUSTED,
        "style-src": [NONCE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}
#: A bar that may be cancelled, and one that is refused.
PAGE = Template(
    """{% load progress %}<!doctype html><html lang="en"><meta charset="utf-8"><title>Bars</title>
<body>{% progress_bar task_id cancel=True %}
<task-progress task-id="another's" token="none" status="/progress/another's/"></task-progress>"""
)


def page(request, name, task_id):
    """Show the bars under the named policy."""

    def view(request):
        return HttpResponse(PAGE.render(RequestContext(request, {"task_id": task_id})))

    return policy(POLICIES[name])(view)(request)


urlpatterns = [
    path("policy/<name>/<task_id>/", page),
    path("progress/", include("progress.urls")),
]
