"""The addresses of the Django project."""

import os

from django.http import Http404, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from .starts import start


@csrf_exempt  # who starts tasks here is a script
def start_task(request, kind):
    mount = os.environ.get("CONFORMANCE_MOUNT")
    answer = start(kind, request.build_absolute_uri(mount) if mount else request)
    if answer is None:
        raise Http404
    return JsonResponse(answer, status=202)


urlpatterns = [
    path("start/<kind>", start_task),
    path("progress/", include("progress.urls")),
]
