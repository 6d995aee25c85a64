"""The demo's addresses."""

from django.urls import include, path

from project import views

urlpatterns = [
    path("", views.index, name="index"),
    path("jobs/<str:name>/", views.start_job, name="start"),
    path("exports/<uuid:task_id>/", views.export, name="export"),
    path("sample.csv", views.sample, name="sample"),
    path("progress/", include("progress.urls")),
]
