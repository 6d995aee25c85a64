"""Addresses of a site with the pages of docs/frameworks.md; a test sets its jobs."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

from django.conf import settings
from django.http import FileResponse, HttpResponse, JsonResponse
from django.template import Context, RequestContext, Template
from django.urls import include, path
from django.views.static import serve

from progress import addresses, conf
from progress.store import blocking
from tests.frameworks import document, pages
from tests.frameworks.packages import built, installed, run

HERE = Path(__file__).parent
BUILT = Path(os.environ.get("TEST_FRAMEWORKS", HERE))
TEMPLATES = pages.templates()


class Job:
    """Stands for a model; a test sets its rows."""

    objects = SimpleNamespace(all=list)


def render(request, _name, context):
    """Stands for Django's; the template is the page in the address."""
    if "empty" in request.GET:
        context = {"jobs": []}
    text = Template(TEMPLATES[request.page]).render(RequestContext(request, context))
    return HttpResponse(text)


views = {"Job": Job, "JsonResponse": JsonResponse, "addresses": addresses, "render": render}
exec(document.view(), views)


def fresh(view):
    """The view with tokens that no earlier answer had, as after a second."""

    def answer(request, **arguments):
        settings.PROGRESS_TOKEN_LIFETIME = conf.token_lifetime() + 1
        conf.token_lifetime.forget()
        return view(request, **arguments)

    return answer


def jobs_json(request):
    if request.method == "PUT":
        rows = [SimpleNamespace(**row) for row in json.loads(request.body)]
        Job.objects.all = rows.copy
    return JsonResponse(listed(request), safe=False)


def listed(request):
    """The jobs of the document's view, each with its task's event for the pages that want it."""
    jobs = json.loads(views["jobs_json"](request).content)
    return [{**job, **event_of(job.get("task_id"))} for job in jobs]


def event_of(task_id):
    event = task_id and blocking.newest(task_id)
    return {"event": json.loads(event.text())} if event else {}


def page(request, name):
    if name not in TEMPLATES:
        return component(request, name)
    request.page = name
    return views["jobs_page"](request)


def component(request, name):
    """A page with a component, the jobs as JSON, and markup if it hydrates."""
    jobs = listed(request)
    base, _, how = name.partition("-")
    markup = react(base, request, jobs) if how in {"hydrated", "late"} else ""
    context = Context({"name": name, "jobs": jobs, "markup": markup})
    return HttpResponse(Template(pages.COMPONENT).render(context))


def react(name, request, jobs):
    """The markup that React writes on a server; with ``?mismatch`` it lacks one."""
    jobs = jobs[1:] if "mismatch" in request.GET else jobs
    return run(built(BUILT, f"{name}-server"), text=json.dumps(jobs)).strip()


urlpatterns = [
    path("progress/", include("progress.urls")),
    path("built/<name>.js", lambda _, name: FileResponse(built(BUILT, name).open("rb"))),
    path("static/<path:path>", serve, {"document_root": installed()}),
    path("oracle.js", lambda _: FileResponse((HERE / "oracle.js").open("rb"))),
    path("jobs.json", fresh(jobs_json)),
    path("<name>/", fresh(page)),
]
