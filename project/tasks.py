"""The demo's jobs as Celery tasks."""

import time
from collections.abc import Iterator

from celery import shared_task
from django.conf import settings
from django.urls import reverse

from progress import PublicError, track
from project import samples
from project.exports import export_table
from project.imports import import_file


@shared_task(bind=True, progress_result=True)
def import_contacts(self, upload: str | None = None) -> dict:
    """Import an uploaded file, or the sample if there is none."""
    if upload is None:
        return import_file(samples.write_once(settings.DATA_DIR / "sample.csv"))
    path = settings.UPLOADS / upload
    try:
        return import_file(path)
    finally:
        path.unlink(missing_ok=True)


@shared_task(bind=True, progress_result=True)
def export_contacts(self) -> dict:
    """Write the whole table to a compressed CSV that can be downloaded."""
    outcome = export_table(settings.EXPORTS / f"{self.request.id}.csv.gz")
    return {"url": reverse("export", args=[self.request.id]), **outcome}


@shared_task(bind=True)
def queued(self, number: int) -> None:
    """One of ten: two to four seconds of paced work."""
    steps = 20 + number * 7 % 20
    for _ in track(paced(steps, seconds=0.1), total=steps, description="Resizing pictures"):
        pass


@shared_task(bind=True, max_retries=2)
def retried(self) -> None:
    """Breaks off twice, each time a little later, and then goes through."""
    attempt = self.request.retries + 1
    description = f"Copying files, attempt {attempt} of 3"
    for step in track(paced(40, seconds=0.08), total=40, description=description):
        if attempt < 3 and step == attempt * 12:
            error = PublicError("The connection broke off.")
            raise self.retry(exc=error, countdown=2)


@shared_task(bind=True)
def failing(self) -> None:
    """Fails half way, and tells people why."""
    for letter in track(paced(40, seconds=0.08), total=40, description="Sending letters"):
        if letter == 21:
            raise PublicError(
                "Letter 21 has no address. The first 20 were sent, the others were not."
            )


@shared_task(bind=True)
def unknown_total(self) -> None:
    """Work whose size nobody knows before it is done."""
    for _ in track(paced(90, seconds=0.07), description="Reading messages"):
        pass


def paced(count: int, *, seconds: float) -> Iterator[int]:
    """1 to ``count``, one each ``seconds``: stands for work that waits for somebody else."""
    for number in range(1, count + 1):
        time.sleep(seconds)
        yield number
