"""The jobs that can be started, each by its name in the address."""

from collections.abc import Callable
from uuid import uuid4

from celery import Task
from django.conf import settings
from django.http import HttpRequest
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from project import tasks
from project.models import Job


class UploadError(Exception):
    """An upload that is refused before any task is started, in words for people."""


class QueueError(Exception):
    """The broker or the result backend does not answer."""


def start(name: str, request: HttpRequest) -> list[Job]:
    """Start the named job and return what was started, the first one first.

    Raises KeyError for a name that is not in STARTERS, UploadError and QueueError.
    """
    started = STARTERS[name](request)
    # The page lists the newest row first, and of ten jobs the first shall stand on top.
    Job.objects.bulk_create(reversed(started))
    return started


def _start_import(request: HttpRequest) -> list[Job]:
    upload = request.FILES.get("file")
    if upload is None:
        _refuse_a_missing_file(request)
        return [_enqueue("import", "Import of the sample", tasks.import_contacts)]
    if not upload.size:
        raise UploadError("The file is empty.")
    if upload.size > settings.UPLOAD_LIMIT:
        raise UploadError(f"The file is larger than {settings.UPLOAD_LIMIT // 2**20} MB.")
    stored = f"{uuid4()}.csv"
    settings.UPLOADS.mkdir(parents=True, exist_ok=True)
    with (settings.UPLOADS / stored).open("wb") as file:
        file.writelines(upload.chunks())
    return [_enqueue("import", f"Import of {upload.name[:60]}", tasks.import_contacts, stored)]


def _refuse_a_missing_file(request: HttpRequest) -> None:
    if request.content_type == "text/csv" or "file" in request.POST:
        raise UploadError("Send the CSV as the file field “file” of a multipart form.")
    if request.POST.get("source") == "file":
        raise UploadError("Choose a CSV file first.")


def _start_queue(_request: HttpRequest) -> list[Job]:
    numbers = range(1, 11)
    return [_enqueue("queue", f"Job {each} of 10", tasks.queued, each) for each in numbers]


def _starter(name: str, title: str, task: Task) -> Callable[[HttpRequest], list[Job]]:
    return lambda _request: [_enqueue(name, title, task)]


def _enqueue(name: str, title: str, task: Task, *args: object) -> Job:
    task_id = str(uuid4())
    try:
        task.apply_async(args, task_id=task_id)
    except (OperationalError, RedisError, RuntimeError) as error:  # the last by Celery's backend
        raise QueueError from error
    return Job(task_id=task_id, name=name, title=title)


STARTERS: dict[str, Callable[[HttpRequest], list[Job]]] = {
    "import": _start_import,
    "export": _starter("export", "Export of all contacts", tasks.export_contacts),
    "queue": _start_queue,
    "retry": _starter("retry", "A job that is retried", tasks.retried),
    "fail": _starter("fail", "A job that fails", tasks.failing),
    "unknown-total": _starter("unknown-total", "A job of unknown size", tasks.unknown_total),
}
