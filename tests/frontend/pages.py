"""Pages with a bar, by the tag and by hand, and the collected static files."""

from django.conf import settings
from django.http import HttpResponse
from django.template import RequestContext, Template
from django.urls import include, path, re_path
from django.views.static import serve

HEAD = """{% load progress static %}<!doctype html><html lang="en"><meta charset="utf-8">
<title>Bar</title><link rel="icon" href="data:,">"""
BAR = "{% progress_bar task_id %}"
BY_HAND = """<script type="module" src="{% static 'progress/task-progress.js' %}"></script>
{% progress_bar task_id script=False %}"""


def page(source):
    """Return a view that renders the template."""
    template = Template(HEAD + source)
    return lambda request, **values: HttpResponse(template.render(RequestContext(request, values)))


urlpatterns = [
    path("bar/<task_id>/", page(BAR)),
    path("by-hand/<task_id>/", page(BY_HAND)),
    path("progress/", include("progress.urls")),
    # As a web server does that knows nothing of Django.
    re_path("^static/(?P<path>.*)", serve, {"document_root": settings.STATIC_ROOT}),
]
