"""Addresses of a site with the language in its paths."""

from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path

urlpatterns = i18n_patterns(path("progress/", include("progress.urls")))
