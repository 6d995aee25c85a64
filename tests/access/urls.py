"""Addresses by which a user comes and goes, for the servers of the tests."""

from django.contrib import auth
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import include, path


def page(request):
    return HttpResponse("<!doctype html><title>Page</title><link rel=icon href=data:,>")


def login(request):
    auth.login(request, User.objects.get(), "django.contrib.auth.backends.ModelBackend")
    return HttpResponse()


async def logout(request):
    await auth.alogout(request)
    return HttpResponse()


def logout_sync(request):
    auth.logout(request)
    return HttpResponse()


def password(request):
    request.user.set_password("2")
    request.user.save()
    return HttpResponse()


def deactivate(request):
    request.user.is_active = False
    request.user.save(update_fields=["is_active"])
    return HttpResponse()


def delete(request):
    User.objects.get().delete()
    return HttpResponse()


urlpatterns = [
    path("progress/", include("progress.urls")),
    path("page/", page),
    path("login/", login),
    path("logout/", logout),
    path("logout-sync/", logout_sync),
    path("password/", password),
    path("deactivate/", deactivate),
    path("delete/", delete),
]
