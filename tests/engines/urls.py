"""Pages with bars, and the element's modules as files."""

from django.http import HttpResponse
from django.template import Context, Template
from django.urls import include, path
from django.views.static import serve

from tests.support.engines.page import RECORDER
from tests.support.processes import ROOT

#: Records what bars fire in ``fired``, and reads in ``shown(bar)`` what one shows.
NOTES = """
window.fired = []
const note = ({ type, detail }) => detail?.task_id && fired.push({ type, detail })
for (const type of ["progress", "success", "failure", "outcome", "refused"])
  addEventListener(type, note)
window.shown = (bar) => {
  const text = (name) => bar?.shadowRoot.querySelector(`[part=${name}]`).textContent
  return { state: bar?.event?.state, percent: text("percent"), message: text("message") }
}
"""
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Bars</title>
<link rel="icon" href="data:,"><script>{{ script }}</script>
<script type="module" src="/static/progress/task-progress.js"></script>
<body>{% load progress %}
{% for task_id in task_ids %}{% progress_bar task_id label=task_id cancel=cancel script=False %}
{% endfor %}"""
SCRIPT = RECORDER + NOTES


def bars(request, prefix, count):
    """A page with the bars of tasks that have numbered ids."""
    return page([f"{prefix}-{number}" for number in range(count)], request)


def bar(request, task_id):
    """A page with one bar, which can be cancelled."""
    return page([task_id], request, cancel=True)


def page(task_ids, request, *, cancel=False):
    context = {"script": SCRIPT, "task_ids": task_ids, "cancel": cancel, "request": request}
    return HttpResponse(Template(PAGE).render(Context(context, autoescape=False)))


def blank(request):
    """A page without bars."""
    return page([], request)


urlpatterns = [
    path("progress/", include("progress.urls")),
    path("static/progress/<path:path>", serve, {"document_root": ROOT / "frontend"}),
    path("blank/", blank),
    path("bar/<task_id>/", bar),
    path("bars/<prefix>/<int:count>/", bars),
]
