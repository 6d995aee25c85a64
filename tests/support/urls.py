"""Addresses of the tests."""

from django.urls import include, path

urlpatterns = [path("progress/", include("progress.urls"))]
