"""The demo's page, and the start of its jobs: forms for people, JSON for scripts."""

from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST, require_safe

from progress import addresses
from project import jobs, samples
from project.models import Contact, Job

SHOWN = 30  # jobs on the page
NO_QUEUE = "The queue does not answer right now: try again in a moment."
NOT_OURS = (
    "This request carries no valid CSRF token. Get / first, keep the cookie “csrftoken”, and send "
    "its value in the header X-CSRFToken."
)


@require_safe
@never_cache
@ensure_csrf_cookie
def index(request: HttpRequest) -> HttpResponse:
    """The page."""
    return _page(request)


def start_job(request: HttpRequest, name: str) -> HttpResponse:
    """Start the named job: 202 and its addresses for a script, the page again for a browser."""
    if name not in jobs.STARTERS:
        known = ", ".join(jobs.STARTERS)
        return _problem(request, 404, f"There is no job “{name}”. There are: {known}.")
    return _start(request, name)


@require_POST
def _start(request: HttpRequest, name: str) -> HttpResponse:
    try:
        started = jobs.start(name, request)
    except jobs.UploadError as error:
        return _problem(request, 400, str(error))
    except jobs.QueueError:
        return _problem(request, 503, NO_QUEUE)
    if not _wants_json(request):
        return HttpResponseRedirect(reverse("index"), status=303)
    tasks = [addresses(request, job.task_id) for job in started]
    more = {"tasks": tasks} if len(tasks) > 1 else {}
    return JsonResponse({**tasks[0], **more}, status=202)


@require_safe
def export(_request: HttpRequest, task_id: UUID) -> HttpResponse:
    """The file that an export has written."""
    path = settings.EXPORTS / f"{task_id}.csv.gz"
    if not path.exists():
        raise Http404
    return _download(path.read_bytes(), "contacts.csv.gz", "application/gzip")


@require_safe
def sample(_request: HttpRequest) -> HttpResponse:
    """The sample that the import takes when no file is sent."""
    path = samples.write_once(settings.DATA_DIR / "sample.csv")
    return _download(path.read_bytes(), "sample.csv", "text/csv; charset=utf-8")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """What Django calls for a POST without a valid token."""
    return _problem(request, 403, NOT_OURS)


def _page(request: HttpRequest, *, error: str = "", status: int = 200) -> HttpResponse:
    context = {
        "jobs": Job.objects.all()[:SHOWN],
        "contacts": Contact.objects.count(),
        "upload_limit": settings.UPLOAD_LIMIT,
        "error": error,
    }
    return render(request, "project/index.html", context, status=status)


def _problem(request: HttpRequest, status: int, words: str) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"error": words}, status=status)
    return _page(request, error=words, status=status)


def _wants_json(request: HttpRequest) -> bool:
    return request.get_preferred_type(["application/json", "text/html"]) != "text/html"


def _download(content: bytes, name: str, content_type: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}"'
    headers = {"Content-Disposition": disposition}
    return HttpResponse(content, content_type=content_type, headers=headers)
